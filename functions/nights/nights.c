/* Departures planned for the night, with a count for each airport that outlives the batch. */
#include "shardmill.h"

static void night(const sm_record *record) {
    double hour;
    sm_bytes value, carrier;
    if (!sm_number(record->data, "hour", &hour) || !sm_string(record->data, "carrier", &carrier)) {
        sm_dead_letter(record, "BadJson", "it is no flight: it has no `hour` or no `carrier`");
        return;
    }
    if (hour >= 5 && hour < 22) return;
    unsigned long count = 0;
    if (sm_get(record, "nights", &value)) count = strtoul(sm_text("%.*s", (int)value.length, value.data).data, NULL, 10);
    sm_set(record, "nights", sm_text("%lu", count + 1));
    sm_to(record, "default", record->key,
          sm_text("{\"carrier\":\"%.*s\",\"hour\":%.0f,\"nights\":%lu}", (int)carrier.length, carrier.data, hour, count + 1));
}

SM_EACH(night)
