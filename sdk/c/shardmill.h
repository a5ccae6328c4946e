/* Shardmill functions in C, header only.
 *
 *     #include "shardmill.h"
 *
 *     static void late(const sm_record *record) {
 *         double delay;
 *         if (!sm_is_object(record->data)) { sm_dead_letter(record, "BadJson", "no object"); return; }
 *         if (sm_number(record->data, "dep_delay", &delay) && delay > 30)
 *             sm_to(record, "default", record->key, record->data);
 *     }
 *     SM_EACH(late)
 *
 * SM_EACH runs a function for each record; after one that failed, later records of its key are not run. SM_BATCH hands over
 * all records at once. What a failed record did is dropped. Outputs and values appear together with the checkpoint, or not
 * at all. `shardmill build` compiles it for the sandbox; any other compiler gives an in-memory host for tests, see the end.
 * Bytes of a record live as long as the call; what sm_text and sm_get return, too.
 */
#ifndef SHARDMILL_H
#define SHARDMILL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *data;
    size_t length;
} sm_bytes;

typedef struct {
    /* Its place in the batch. */
    uint32_t index;
    sm_bytes key;
    sm_bytes data;
    /* 192 bits, the high ones first. */
    uint64_t sequence[3];
    uint64_t sub_sequence;
    uint64_t arrived_ms;
    uint32_t flags;
    /* From 1. */
    uint32_t deliveries;
} sm_record;

enum { SM_TRACE, SM_DEBUG, SM_INFO, SM_WARN, SM_ERROR };

/* ---- What a handler calls ---- */

/* A record for an output of the trigger, caused by `record`; NULL: by none, which forbids partial success. */
static void sm_to(const sm_record *record, const char *output, sm_bytes key, sm_bytes data);
/* This record failed: to the dead-letter store, by the trigger's retry policy, or its key is set aside. The kind is what
 * `retry.classes` in triggers.yaml is matched with. */
static void sm_dead_letter(const sm_record *record, const char *kind, const char *reason);
static void sm_retry(const sm_record *record, const char *kind, const char *reason);
static void sm_park(const sm_record *record, const char *kind, const char *reason);
/* The whole invocation failed; nothing of it is kept. */
static void sm_fail(const char *kind, const char *message);
/* The value of this name under the key of the record; false where there is none. */
static bool sm_get(const sm_record *record, const char *name, sm_bytes *value);
/* Written when the record, and so the invocation, succeeded. */
static void sm_set(const sm_record *record, const char *name, sm_bytes value);
static void sm_delete(const sm_record *record, const char *name);
static void sm_log(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A text that lives as long as the call. */
static sm_bytes sm_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline sm_bytes sm_of(const char *text) { return (sm_bytes){text, strlen(text)}; }
static inline bool sm_equal(sm_bytes a, sm_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* ---- JSON: as much as most handlers need ---- */

/* Whether the bytes are one JSON object, whole. */
static bool sm_is_object(sm_bytes json);
/* A field of an object as it is written; false where there is none. Nested objects can be searched in turn. */
static bool sm_field(sm_bytes object, const char *name, sm_bytes *value);
/* A field that is a number; false where it is missing, null or no number. */
static bool sm_number(sm_bytes object, const char *name, double *value);
/* A field that is a text, its escapes resolved; false where it is not. */
static bool sm_string(sm_bytes object, const char *name, sm_bytes *value);

/* ---- Memory of one call ---- */

typedef struct sm_block {
    struct sm_block *next;
    max_align_t start[];
} sm_block;
static sm_block *sm_blocks;

static inline void *sm_alloc(size_t size) {
    sm_block *block = (sm_block *)malloc(sizeof(sm_block) + (size ? size : 1));
    if (!block) abort();
    block->next = sm_blocks;
    sm_blocks = block;
    return block->start;
}

static inline void sm_free_all(void) {
    while (sm_blocks) {
        sm_block *next = sm_blocks->next;
        free(sm_blocks);
        sm_blocks = next;
    }
}

static inline sm_bytes sm_copy(sm_bytes bytes) {
    char *copy = (char *)sm_alloc(bytes.length);
    if (bytes.length) memcpy(copy, bytes.data, bytes.length);
    return (sm_bytes){copy, bytes.length};
}

static inline sm_bytes sm_vtext(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = (char *)sm_alloc((size_t)(length < 0 ? 0 : length) + 1);
    vsnprintf(text, (size_t)(length < 0 ? 0 : length) + 1, format, arguments);
    return (sm_bytes){text, (size_t)(length < 0 ? 0 : length)};
}

__attribute__((format(printf, 1, 2))) static inline sm_bytes sm_text(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sm_bytes text = sm_vtext(format, arguments);
    va_end(arguments);
    return text;
}

/* ---- What one call did ---- */

enum { SM_ACT_RETRY, SM_ACT_DEAD_LETTER, SM_ACT_PARK, SM_ACT_NOT_TRIED };
#define SM_NO_SOURCE 0xffffffffu

typedef struct sm_output {
    struct sm_output *next;
    sm_bytes name, key, data;
    uint32_t source;
} sm_output;

typedef struct sm_write {
    struct sm_write *next;
    uint32_t source;
    sm_bytes name, value;
    bool deleted;
} sm_write;

typedef struct {
    bool failed;
    uint32_t action;
    sm_bytes kind, reason;
} sm_verdict;

static struct {
    const sm_record *records;
    size_t count;
    sm_verdict *verdicts;
    sm_output *outputs, **outputs_end;
    sm_write *writes, **writes_end;
    bool any_failed, faulted;
    sm_bytes fault_kind, fault_message;
} sm_call;

static inline void sm_begin(const sm_record *records, size_t count) {
    memset(&sm_call, 0, sizeof sm_call);
    sm_call.records = records;
    sm_call.count = count;
    sm_call.verdicts = (sm_verdict *)sm_alloc(count * sizeof(sm_verdict));
    memset(sm_call.verdicts, 0, count * sizeof(sm_verdict));
    sm_call.outputs_end = &sm_call.outputs;
    sm_call.writes_end = &sm_call.writes;
}

static inline void sm_to(const sm_record *record, const char *output, sm_bytes key, sm_bytes data) {
    sm_output *made = (sm_output *)sm_alloc(sizeof(sm_output));
    *made = (sm_output){NULL, sm_copy(sm_of(output)), sm_copy(key), sm_copy(data), record ? record->index : SM_NO_SOURCE};
    *sm_call.outputs_end = made;
    sm_call.outputs_end = &made->next;
}

static inline void sm_verdict_is(const sm_record *record, uint32_t action, const char *kind, const char *reason) {
    if (record->index >= sm_call.count) return;
    sm_call.any_failed = true;
    sm_call.verdicts[record->index] = (sm_verdict){true, action, sm_copy(sm_of(kind)), sm_copy(sm_of(reason))};
}
static inline void sm_dead_letter(const sm_record *record, const char *kind, const char *reason) {
    sm_verdict_is(record, SM_ACT_DEAD_LETTER, kind, reason);
}
static inline void sm_retry(const sm_record *record, const char *kind, const char *reason) {
    sm_verdict_is(record, SM_ACT_RETRY, kind, reason);
}
static inline void sm_park(const sm_record *record, const char *kind, const char *reason) {
    sm_verdict_is(record, SM_ACT_PARK, kind, reason);
}

static inline void sm_fail(const char *kind, const char *message) {
    sm_call.faulted = true;
    sm_call.fault_kind = sm_copy(sm_of(kind));
    sm_call.fault_message = sm_copy(sm_of(message));
}

static inline void sm_written(const sm_record *record, const char *name, sm_bytes value, bool deleted) {
    sm_write *made = (sm_write *)sm_alloc(sizeof(sm_write));
    *made = (sm_write){NULL, record->index, sm_copy(sm_of(name)), sm_copy(value), deleted};
    *sm_call.writes_end = made;
    sm_call.writes_end = &made->next;
}
static inline void sm_set(const sm_record *record, const char *name, sm_bytes value) {
    sm_written(record, name, value, false);
}
static inline void sm_delete(const sm_record *record, const char *name) {
    sm_written(record, name, (sm_bytes){"", 0}, true);
}

static inline bool sm_is_failed(uint32_t source) {
    return source < sm_call.count && sm_call.verdicts[source].failed;
}

static bool sm_host_get(uint32_t source, sm_bytes name, sm_bytes *value);

static inline bool sm_get(const sm_record *record, const char *name, sm_bytes *value) {
    const sm_write *newest = NULL;
    for (const sm_write *write = sm_call.writes; write; write = write->next)
        if (!sm_is_failed(write->source) && sm_equal(write->name, sm_of(name)) &&
            sm_equal(sm_call.records[write->source].key, record->key))
            newest = write;
    if (newest) {
        *value = newest->value;
        return !newest->deleted;
    }
    return sm_host_get(record->index, sm_of(name), value);
}

/* Runs `one` for each record; after one that failed, later records of its key are not run. */
static inline void sm_run_each(void (*one)(const sm_record *)) {
    for (size_t at = 0; at < sm_call.count && !sm_call.faulted; at++) {
        const sm_record *record = &sm_call.records[at];
        bool waits = false;
        for (size_t before = 0; sm_call.any_failed && before < at && !waits; before++)
            waits = sm_call.verdicts[before].failed && sm_equal(sm_call.records[before].key, record->key);
        if (waits)
            sm_verdict_is(record, SM_ACT_NOT_TRIED, "NotTried", "an earlier record of the same key failed");
        else
            one(record);
    }
}

/* ---- JSON ---- */

static inline size_t sm_json_space(sm_bytes json, size_t at) {
    while (at < json.length && strchr(" \t\r\n", json.data[at]) && json.data[at]) at++;
    return at;
}

static inline size_t sm_json_string_end(sm_bytes json, size_t at) {
    for (at++; at < json.length; at++) {
        if (json.data[at] == '\\') at++;
        else if (json.data[at] == '"') return at + 1;
    }
    return 0;
}

/* Behind the value at `at`; 0 where there is none. */
static inline size_t sm_json_end(sm_bytes json, size_t at, int depth) {
    at = sm_json_space(json, at);
    if (at >= json.length || depth > 128) return 0;
    char first = json.data[at];
    if (first == '"') return sm_json_string_end(json, at);
    if (first == '{' || first == '[') {
        char last = first == '{' ? '}' : ']';
        at = sm_json_space(json, at + 1);
        if (at < json.length && json.data[at] == last) return at + 1;
        for (;;) {
            if (first == '{') {
                at = sm_json_space(json, at);
                if (at >= json.length || json.data[at] != '"' || !(at = sm_json_string_end(json, at))) return 0;
                at = sm_json_space(json, at);
                if (at >= json.length || json.data[at] != ':') return 0;
                at++;
            }
            if (!(at = sm_json_end(json, at, depth + 1))) return 0;
            at = sm_json_space(json, at);
            if (at >= json.length) return 0;
            if (json.data[at] == last) return at + 1;
            if (json.data[at] != ',') return 0;
            at++;
        }
    }
    const char *words[] = {"true", "false", "null"};
    for (int word = 0; word < 3; word++) {
        size_t length = strlen(words[word]);
        if (json.length - at >= length && memcmp(json.data + at, words[word], length) == 0) return at + length;
    }
    size_t start = at;
    while (at < json.length && json.data[at] && strchr("+-0123456789.eE", json.data[at])) at++;
    return at > start && json.data[start] != '+' ? at : 0;
}

static inline bool sm_is_object(sm_bytes json) {
    size_t start = sm_json_space(json, 0);
    if (start >= json.length || json.data[start] != '{') return false;
    size_t end = sm_json_end(json, start, 0);
    return end != 0 && sm_json_space(json, end) == json.length;
}

static inline bool sm_field(sm_bytes object, const char *name, sm_bytes *value) {
    if (!sm_is_object(object)) return false;
    size_t at = sm_json_space(object, sm_json_space(object, 0) + 1), wanted = strlen(name);
    while (at < object.length && object.data[at] == '"') {
        size_t key = at + 1, after = sm_json_string_end(object, at);
        size_t start = sm_json_space(object, sm_json_space(object, after) + 1);
        size_t end = sm_json_end(object, start, 0);
        if (after - key - 1 == wanted && memcmp(object.data + key, name, wanted) == 0) {
            *value = (sm_bytes){object.data + start, end - start};
            return true;
        }
        at = sm_json_space(object, end);
        if (at < object.length && object.data[at] == ',') at = sm_json_space(object, at + 1);
    }
    return false;
}

static inline bool sm_number(sm_bytes object, const char *name, double *value) {
    sm_bytes raw;
    if (!sm_field(object, name, &raw) || !strchr("-0123456789", raw.data[0]) || raw.length > 63) return false;
    char text[64];
    memcpy(text, raw.data, raw.length);
    text[raw.length] = 0;
    char *end;
    *value = strtod(text, &end);
    return end == text + raw.length;
}

static inline size_t sm_utf8(char *out, uint32_t point) {
    if (point < 0x80) return out[0] = (char)point, 1;
    if (point < 0x800) return out[0] = (char)(0xc0 | point >> 6), out[1] = (char)(0x80 | (point & 63)), 2;
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12), out[1] = (char)(0x80 | (point >> 6 & 63)), out[2] = (char)(0x80 | (point & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18), out[1] = (char)(0x80 | (point >> 12 & 63));
    out[2] = (char)(0x80 | (point >> 6 & 63)), out[3] = (char)(0x80 | (point & 63));
    return 4;
}

static inline bool sm_hex(const char *at, uint32_t *point) {
    *point = 0;
    for (int digit = 0; digit < 4; digit++) {
        const char *digits = "0123456789abcdef", *found;
        char one = (char)(at[digit] >= 'A' && at[digit] <= 'F' ? at[digit] + 32 : at[digit]);
        if (!one || !(found = strchr(digits, one))) return false;
        *point = *point << 4 | (uint32_t)(found - digits);
    }
    return true;
}

static inline bool sm_string(sm_bytes object, const char *name, sm_bytes *value) {
    sm_bytes raw;
    if (!sm_field(object, name, &raw) || raw.data[0] != '"') return false;
    char *out = (char *)sm_alloc(raw.length);
    size_t length = 0;
    for (size_t at = 1; at + 1 < raw.length; at++) {
        if (raw.data[at] != '\\') {
            out[length++] = raw.data[at];
            continue;
        }
        const char *from = "\"\\/bfnrt", *to = "\"\\/\b\f\n\r\t", *found;
        char escape = raw.data[++at];
        uint32_t point, low;
        if (escape == 'u') {
            if (at + 5 >= raw.length || !sm_hex(raw.data + at + 1, &point)) return false;
            at += 4;
            if (point >= 0xd800 && point < 0xdc00 && at + 7 < raw.length && raw.data[at + 1] == '\\' &&
                raw.data[at + 2] == 'u' && sm_hex(raw.data + at + 3, &low) && low >= 0xdc00 && low < 0xe000) {
                point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            } else if (point >= 0xd800 && point < 0xe000) {
                point = 0xfffd;
            }
            length += sm_utf8(out + length, point);
        } else if (escape && (found = strchr(from, escape))) {
            out[length++] = to[found - from];
        } else {
            return false;
        }
    }
    *value = (sm_bytes){out, length};
    return true;
}

#ifdef __wasm__
/* ---- The host of a sandbox: the interfaces of function.wit, as the canonical ABI lowers them ---- */

#define SM_IMPORT(interface, name) \
    __attribute__((import_module("shardmill:function/" interface "@0.1.0"), import_name(name)))

SM_IMPORT("host", "emit")
void sm_import_emit(const char *output, size_t output_length, const char *chunk, size_t length, uint32_t *answer);
SM_IMPORT("host", "log") void sm_import_log(uint32_t level, const char *message, size_t length);
SM_IMPORT("host", "progress") void sm_import_progress(uint32_t index);
SM_IMPORT("invocation", "attempt") uint32_t sm_attempt(void);
SM_IMPORT("invocation", "fencing-token") uint64_t sm_fencing_token(void);
SM_IMPORT("invocation", "remaining-ms") uint64_t sm_remaining_ms(void);
SM_IMPORT("invocation", "is-tracing") uint32_t sm_import_is_tracing(void);
SM_IMPORT("state", "get") void sm_import_get(uint32_t source, const char *name, size_t length, uint32_t *answer);
SM_IMPORT("state", "set")
void sm_import_set(uint32_t source, const char *name, size_t name_length, const char *value, size_t length, uint32_t *answer);
SM_IMPORT("state", "delete") void sm_import_delete(uint32_t source, const char *name, size_t length, uint32_t *answer);

/* What the host hands over is allocated here. */
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    (void)align;
    void *made = sm_alloc(size);
    if (old && old_size) memcpy(made, old, old_size < size ? old_size : size);
    return made;
}

/* What the host refuses fails the invocation with its own words. */
static inline bool sm_refused(const uint32_t *answer) {
    if (!(answer[0] & 0xff)) return false;
    sm_call.faulted = true;
    sm_call.fault_kind = sm_of("Refused");
    sm_call.fault_message = (sm_bytes){(const char *)answer[2], answer[3]};
    return true;
}

static inline bool sm_host_get(uint32_t source, sm_bytes name, sm_bytes *value) {
    uint32_t answer[4] = {0};
    sm_import_get(source, name.data, name.length, answer);
    if (sm_refused(answer) || !(answer[1] & 0xff)) return false;
    *value = (sm_bytes){(const char *)answer[2], answer[3]};
    return true;
}

__attribute__((format(printf, 2, 3))) static inline void sm_log(int level, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    sm_bytes text = sm_vtext(format, arguments);
    va_end(arguments);
    sm_import_log((uint32_t)level, text.data, text.length);
}

static inline void sm_u32(char **out, uint32_t value) { memcpy(*out, &value, 4), *out += 4; }

/* The good outputs of one name, packed: "SMO1" of function.wit. */
static inline sm_bytes sm_packed(sm_bytes name) {
    uint32_t count = 0;
    size_t size = 32;
    for (const sm_output *one = sm_call.outputs; one; one = one->next)
        if (!sm_is_failed(one->source) && sm_equal(one->name, name))
            count++, size += 40 + one->key.length + one->data.length;
    if (!count) return (sm_bytes){"", 0};
    char *packed = (char *)sm_alloc(size), *head = packed, *body = packed + 32 + 40 * count;
    memset(packed, 0, 32 + 40 * count);
    sm_u32(&head, 0x314f4d53), sm_u32(&head, 1), sm_u32(&head, count), sm_u32(&head, 40);
    head = packed + 32;
    for (const sm_output *one = sm_call.outputs; one; one = one->next) {
        if (sm_is_failed(one->source) || !sm_equal(one->name, name)) continue;
        char *entry = head;
        sm_u32(&entry, (uint32_t)(body - packed)), sm_u32(&entry, (uint32_t)one->key.length);
        memcpy(body, one->key.data, one->key.length), body += one->key.length;
        sm_u32(&entry, (uint32_t)(body - packed)), sm_u32(&entry, (uint32_t)one->data.length);
        memcpy(body, one->data.data, one->data.length), body += one->data.length;
        entry += 16;
        sm_u32(&entry, one->source);
        head += 40;
    }
    return (sm_bytes){packed, size};
}

/* Hands over what the good records did. */
static inline void sm_commit(void) {
    for (const sm_output *one = sm_call.outputs; one && !sm_call.faulted; one = one->next) {
        bool is_first = !sm_equal(one->name, sm_of("default"));
        for (const sm_output *before = sm_call.outputs; before != one; before = before->next)
            if (sm_equal(before->name, one->name)) is_first = false;
        if (!is_first) continue;
        sm_bytes packed = sm_packed(one->name);
        uint32_t answer[4] = {0};
        if (packed.length) sm_import_emit(one->name.data, one->name.length, packed.data, packed.length, answer), sm_refused(answer);
    }
    for (const sm_write *one = sm_call.writes; one && !sm_call.faulted; one = one->next) {
        if (sm_is_failed(one->source)) continue;
        uint32_t answer[4] = {0};
        if (one->deleted) sm_import_delete(one->source, one->name.data, one->name.length, answer);
        else sm_import_set(one->source, one->name.data, one->name.length, one->value.data, one->value.length, answer);
        sm_refused(answer);
    }
}

static inline const sm_record *sm_unpacked(const char *batch, size_t length, size_t *count) {
    uint32_t head[4];
    *count = 0;
    if (length < 32) return NULL;
    memcpy(head, batch, 16);
    if (head[0] != 0x31424d53 || (head[1] & 0xffff) != 1 || head[3] < 64 || head[2] > (length - 32) / head[3]) return NULL;
    sm_record *records = (sm_record *)sm_alloc(head[2] * sizeof(sm_record));
    for (uint32_t at = 0; at < head[2]; at++) {
        const char *entry = batch + 32 + (size_t)at * head[3];
        uint64_t longs[5];
        uint32_t ints[6];
        memcpy(longs, entry, 40), memcpy(ints, entry + 40, 24);
        if (ints[0] > length || ints[1] > length - ints[0] || ints[2] > length || ints[3] > length - ints[2]) return NULL;
        records[at] = (sm_record){at, {batch + ints[0], ints[1]}, {batch + ints[2], ints[3]},
            {longs[0], longs[1], longs[2]}, longs[3], longs[4], ints[4], ints[5]};
    }
    *count = head[2];
    return records;
}

/* result<response, fault> of function.wit. */
static uint64_t sm_answer[5];

static inline void *sm_answered(void) {
    uint32_t *answer = (uint32_t *)sm_answer;
    memset(sm_answer, 0, sizeof sm_answer);
    if (sm_call.faulted) {
        *(uint8_t *)answer = 1;
        answer[2] = (uint32_t)sm_call.fault_kind.data, answer[3] = (uint32_t)sm_call.fault_kind.length;
        answer[4] = (uint32_t)sm_call.fault_message.data, answer[5] = (uint32_t)sm_call.fault_message.length;
        return sm_answer;
    }
    uint32_t failed = 0, *failures = (uint32_t *)sm_alloc(sm_call.count * 24);
    for (uint32_t at = 0; at < sm_call.count; at++) {
        const sm_verdict *verdict = &sm_call.verdicts[at];
        if (!verdict->failed) continue;
        uint32_t *failure = failures + 6 * failed++;
        failure[0] = at, failure[1] = verdict->action;
        failure[2] = (uint32_t)verdict->kind.data, failure[3] = (uint32_t)verdict->kind.length;
        failure[4] = (uint32_t)verdict->reason.data, failure[5] = (uint32_t)verdict->reason.length;
    }
    sm_bytes packed = sm_packed(sm_of("default"));
    answer[2] = (uint32_t)failures, answer[3] = failed;
    answer[4] = (uint32_t)packed.data, answer[5] = (uint32_t)packed.length;
    return sm_answer;
}

static void sm_handler(void);

__attribute__((export_name("shardmill:function/stream-handler@0.1.0#handle"))) void *sm_handle(const char *batch, size_t length) {
    size_t count;
    const sm_record *records = sm_unpacked(batch, length, &count);
    sm_begin(records, count);
    if (records) sm_handler();
    else sm_fail("BadBatch", "the host handed over a batch that cannot be read");
    if (!sm_call.faulted) sm_commit();
    return sm_answered();
}

__attribute__((export_name("cabi_post_shardmill:function/stream-handler@0.1.0#handle"))) void sm_handled(void *answer) {
    (void)answer;
    sm_free_all();
}

#else
/* ---- The host of tests, in memory: compile with any C compiler, call from main ---- */

static sm_output *sm_kept, **sm_kept_end = &sm_kept;
typedef struct sm_value {
    struct sm_value *next;
    sm_bytes key, name, value;
    bool deleted;
} sm_value;
static sm_value *sm_values;

static inline uint32_t sm_attempt(void) { return 1; }
static inline uint64_t sm_fencing_token(void) { return 1; }
static inline uint64_t sm_remaining_ms(void) { return 3000; }

__attribute__((format(printf, 2, 3))) static inline void sm_log(int level, const char *format, ...) {
    (void)level;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static inline sm_bytes sm_for_ever(sm_bytes bytes) {
    char *copy = (char *)malloc(bytes.length + 1);
    if (!copy) abort();
    memcpy(copy, bytes.data, bytes.length);
    copy[bytes.length] = 0;
    return (sm_bytes){copy, bytes.length};
}

static inline bool sm_value_of(sm_bytes key, sm_bytes name, sm_bytes *value) {
    for (const sm_value *one = sm_values; one; one = one->next)
        if (sm_equal(one->key, key) && sm_equal(one->name, name)) return *value = one->value, !one->deleted;
    return false;
}
static inline bool sm_host_get(uint32_t source, sm_bytes name, sm_bytes *value) {
    return sm_value_of(sm_call.records[source].key, name, value);
}

static void sm_handler(void);

/* Runs a batch of one record. What became of it: "" done, else its kind. */
static inline const char *sm_test_put(const char *key, const char *data) {
    sm_free_all();
    sm_record record = {.key = sm_of(key), .data = sm_of(data), .deliveries = 1};
    sm_begin(&record, 1);
    sm_handler();
    if (sm_call.faulted) return sm_for_ever(sm_call.fault_kind).data;
    if (sm_call.verdicts[0].failed) return sm_for_ever(sm_call.verdicts[0].kind).data;
    for (const sm_output *one = sm_call.outputs; one; one = one->next) {
        sm_output *kept = (sm_output *)malloc(sizeof(sm_output));
        if (!kept) abort();
        *kept = (sm_output){NULL, sm_for_ever(one->name), sm_for_ever(one->key), sm_for_ever(one->data), 0};
        *sm_kept_end = kept;
        sm_kept_end = &kept->next;
    }
    for (const sm_write *one = sm_call.writes; one; one = one->next) {
        sm_value *kept = (sm_value *)malloc(sizeof(sm_value));
        if (!kept) abort();
        *kept = (sm_value){sm_values, sm_for_ever(record.key), sm_for_ever(one->name), sm_for_ever(one->value), one->deleted};
        sm_values = kept;
    }
    return "";
}

/* The data of the nth record of an output, from 0; NULL where there are fewer. */
static inline const char *sm_test_output(const char *name, size_t nth) {
    for (const sm_output *one = sm_kept; one; one = one->next)
        if (sm_equal(one->name, sm_of(name)) && nth-- == 0) return one->data.data;
    return NULL;
}

/* The value of a key; NULL where there is none. */
static inline const char *sm_test_state(const char *key, const char *name) {
    sm_bytes value;
    return sm_value_of(sm_of(key), sm_of(name), &value) ? value.data : NULL;
}
#endif

/* ---- The handler ---- */

/* `void function(const sm_record *record)` */
#define SM_EACH(function) \
    static void sm_handler(void) { sm_run_each(function); }
/* `void function(const sm_record *records, size_t count)` */
#define SM_BATCH(function) \
    static void sm_handler(void) { function(sm_call.records, sm_call.count); }

#endif
