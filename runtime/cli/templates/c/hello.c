/* Flights that left late: one record in, perhaps one out, under the same key. */
#include "shardmill.h"

static void late(const sm_record *record) {
    sm_bytes flight;
    double minutes;
    if (!sm_string(record->data, "flight", &flight)) {
        sm_dead_letter(record, "BadJson", "it is no object with a text `flight`");
        return;
    }
    /* A cancelled flight has no delay: it is not late. */
    if (sm_number(record->data, "dep_delay", &minutes) && minutes > 0)
        sm_to(record, "default", record->key,
              sm_text("{\"flight\":\"%.*s\",\"late\":%.0f}", (int)flight.length, flight.data, minutes));
}

SM_EACH(late)
