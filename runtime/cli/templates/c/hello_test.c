/* `cc -I ../../.shardmill/sdk/c hello_test.c -o /tmp/hello_test && /tmp/hello_test`: no WebAssembly, no server. */
#include "hello.c"

#include <assert.h>

int main(void) {
    assert(strcmp(sm_test_put("EWR", "{\"flight\":\"UA1545\",\"dep_delay\":2}"), "") == 0);
    assert(strcmp(sm_test_put("EWR", "{\"flight\":\"UA1\",\"dep_delay\":null}"), "") == 0);
    assert(strcmp(sm_test_output("default", 0), "{\"flight\":\"UA1545\",\"late\":2}") == 0);
    assert(sm_test_output("default", 1) == NULL);
    assert(strcmp(sm_test_put("EWR", "{broken"), "BadJson") == 0);
    puts("ok");
    return 0;
}
