/* `cc -I ../../sdk/c nights_test.c -o /tmp/nights_test && /tmp/nights_test` in this folder. */
#include "nights.c"

#include <assert.h>

int main(void) {
    assert(strcmp(sm_test_put("JFK", "{\"hour\":23,\"carrier\":\"B6\"}"), "") == 0);
    assert(strcmp(sm_test_put("JFK", "{\"hour\":12,\"carrier\":\"B6\"}"), "") == 0);
    assert(strcmp(sm_test_put("JFK", "{\"hour\":22,\"carrier\":\"\\u00c9\\n\"}"), "") == 0);
    assert(strcmp(sm_test_put("JFK", "{\"hour\":null,\"carrier\":\"B6\"}"), "BadJson") == 0);
    assert(strcmp(sm_test_put("JFK", "[]"), "BadJson") == 0);
    assert(strcmp(sm_test_output("default", 0), "{\"carrier\":\"B6\",\"hour\":23,\"nights\":1}") == 0);
    assert(sm_test_output("default", 2) == NULL);
    assert(strcmp(sm_test_state("JFK", "nights"), "2") == 0);
    puts("ok");
    return 0;
}
