"""Once a minute: says what the time is for. `shardmill trigger run NAME` runs it now, `trigger show NAME` says when it runs next."""

import shardmill


def handler(event, context):
    # `input` of the trigger is the event; `time` in it would be yours.
    days = event.get("days", 1)
    print(f"a report over {days} days")
    shardmill.emit("default", "report", {"days": days, "by": context.function_name})
    return {"days": days}
