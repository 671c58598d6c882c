"""What `explain` reads of the store, and how its accounts read on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aggregator import clock
from aggregator.account import Shape, source_account
from aggregator.cli.common import counted
from aggregator.health import PAUSED, paused_row, roughly
from aggregator.model import Settings, Source
from aggregator.plain import contained
from aggregator.rows import source_row
from storage.contract import Store
from storage.states import HostState, PollState

WIDE = 10
"""Characters of the words that begin a line."""


def of_source(store: Store | None, settings: Settings, written: Source) -> Shape:
    """Return the account of a source of feeds.yaml; without a store, that of one which was never polled."""
    now = clock.now()
    if written in settings.paused:
        return {**paused_row(written, (store.counts() if store else {}).get(written.id, 0)), "place": written.place}
    states = {state.source.id: state for state in store.states()} if store else {}
    state = states.get(written.id) or PollState(source_row(written), next_poll_at=now)
    host = store.host(state.host) if store else HostState(state.host)
    entries = store.counts().get(written.id, 0) if store else 0
    return source_account(written, state, host, entries, now, settings.sources)


# --- on a terminal ----------------------------------------------------------------------------------------------


def source_text(told: Mapping[str, Any], now: datetime) -> str:
    """Return the account of a source for a person."""
    lines = [f"{told['id']}: {told['state']}", _line("why", told["reason"]), _line("address", told["url"])]
    if told["name"] != told["id"]:
        lines.insert(1, _line("name", told["name"]))
    lines += [_line("written", told["place"])] if told.get("place") else []
    if told["state"] == PAUSED.state:
        return "\n".join(lines)
    lines += _moves(told)
    lines += [_line("next", _next(told, now)), *_terms(told["terms"])]
    if wait := told["host_wait"]:
        lines.append(_line("host", f"{wait['host']} is left alone until {_minute(wait['until'])}: {wait['reason']}"))
    lines += _asked(told["request"])
    if told["twins"]:
        lines.append(_line("shared", f"one request serves {', '.join(told['twins'])} too"))
    lines += _habit(told)
    failed = f", {told['failures']} failed in a row" if told["failures"] else ""
    seen = f"{counted(told['polls'], 'time')}{failed}; last asked {_minute(told['last_attempt_at'])}"
    lines.append(_line("polled", f"{seen}, last well {_minute(told['last_success_at'])}"))
    newest = f", the newest came {_minute(told['last_new_at'])}" if told["last_new_at"] else ""
    lines.append(_line("entries", f"{told['entries']}{newest}"))
    return "\n".join(lines)


def _next(told: Mapping[str, Any], now: datetime) -> str:
    if told["next_poll_at"] is None:
        return f"never: {told['next_reason']}"
    wait = datetime.fromisoformat(told["next_poll_at"]) - now
    when = f"in {roughly(wait)}" if wait.total_seconds() > 0 else "due"
    return f"{_minute(told['next_poll_at'])} ({when}): {told['next_reason']}"


def _terms(terms: Sequence[Mapping[str, str]]) -> list[str]:
    return [_line("", f"until {_minute(term['until'])}  {term['reason']}") for term in terms]


def _moves(told: Mapping[str, Any]) -> list[str]:
    lines = [_line("in use", told["in_use"])] if told["in_use"] != told["url"] else []
    if redirect := told["redirect"]:
        proof = "proven" if redirect["proven"] else f"seen {redirect['seen']} times, not proven yet"
        lines.append(_line("moved", f"{redirect['target']} ({proof}, since {_minute(redirect['since'])})"))
    if told["suggest"]:
        lines.append(_line("suggest", f"{told.get('place') or 'feeds.yaml'}: {told['suggest']}"))
    if fallback := told["fallback"]:
        lines.append(_line("fallback", f"{', '.join(fallback['addresses'])}; in use: {fallback['in_use']}"))
        for rest in fallback["resting"]:
            until = f"left alone until {_minute(rest['until'])}" if rest["until"] else "left alone for good"
            lines.append(_line("", f"{rest['address']} {until}: {rest['kind']}: {rest['detail']}"))
    return lines


def _asked(request: Mapping[str, Any]) -> list[str]:
    validators = request["validators"]
    kept = [
        name for name, there in (("ETag", validators["etag"]), ("Last-Modified", validators["last_modified"])) if there
    ]
    lines = [
        _line("asks", f"if changed, by {' and '.join(kept)}" if kept else "for the whole document: it has no validator")
    ]
    if request["headers"]:
        lines.append(_line("headers", f"{', '.join(request['headers'])} (of its own; values are not shown)"))
    for key, words in (("user_agent", "in place of our own"), ("proxy", "without its password")):
        if request[key]:
            lines.append(_line(key.replace("_", " "), f"{request[key]} ({words})"))
    if not request["tls_verify"]:
        lines.append(_line("tls", "its certificate is not verified (tls_verify: false)"))
    return lines


def _habit(told: Mapping[str, Any]) -> list[str]:
    habit, gap = told["habit"], told["gap"]
    lines = []
    if habit["ingest_times"]:
        usual = f"something every {habit['usual']}; " if habit["usual"] else ""
        came = ", ".join(_minute(at) for at in habit["ingest_times"])
        lines.append(_line("habit", f"{usual}the last {len(habit['ingest_times'])} entries came {came}"))
    if gap["at"]:
        halved = f"; its interval is halved {gap['halved']} times" if gap["halved"] else ""
        note = f" ({gap['note']})" if gap["note"] else ""
        lines.append(_line("gap", f"{_minute(gap['at'])}: entries may have gone by between two polls{note}{halved}"))
    return lines


def entry_text(told: Mapping[str, Any]) -> str:
    """Return the account of an entry for a person."""
    updates = f"{told['updates']} times, last {_minute(told['updated'])}" if told["updates"] else "never"
    came = _minute(told["came"]) + (", listed when its source was new" if told["with_its_source"] else "")
    lines = [
        contained(told["title"]) or "(no title)",
        _line("key", told["key"]),
        _line("public id", told["public_id"]),
        _line("link", told["link"] or "(none)"),
        _line("source", f"{told['source']} ({told['source_name'] or 'no longer in feeds.yaml'})"),
        _line("came", came),
        _line(
            "known by", told["identity"] + (f" (alias {told['alias']})" if told["alias"] != told["identity"] else "")
        ),
        _line("date", f"{_minute(told['date'])}: {told['date_reason']}"),
        _line("updated", updates),
        _line("listed", "yes" if told["listed"] else f"not since {_minute(told['unlisted_at'])}"),
    ]
    lines += [_line("hidden", told["hidden"])] if told["hidden"] else []
    lines += [_line("withdrawn", f"{_minute(told['withdrawn'])}, by its publisher")] if told["withdrawn"] else []
    lines += _story(told)
    lines += [_line("stands in" if view["stands"] else "not in", _place(view)) for view in told["views"]]
    lines.append(_line("file", told["file"] or "(none)"))
    return "\n".join(lines)


def _story(told: Mapping[str, Any]) -> list[str]:
    story = told["story"]
    if story is None:
        return []
    lines = [_line("story", f"{_shown(told['key'], story)}; under the id {story['id']}{_id_of(story)}")]
    for one in story["others"]:
        shares = " and ".join(one["shares"])
        why = f"both are {shares}" if shares else "others of the story join the two"
        where = f"{one['source']} ({one['source_name'] or 'not in feeds.yaml'}), as {one['key']}"
        lines.append(_line("also in", f"{where}: {why}{' (hidden)' if one['hidden'] else ''}"))
    return lines


def _shown(key: str, story: Mapping[str, Any]) -> str:
    if story["shown"] is None:
        return "no record of it may be shown"
    which = "this one" if story["shown"] == key else f"{story['shown']} ({story['source']})"
    why = (
        "its source stands first in feeds.yaml" if story["first"] else "it came first, and no source of them is polled"
    )
    return f"{which} is shown: of those that may be, {why}"


def _id_of(story: Mapping[str, Any]) -> str:
    if story["id_of"] == story["shown"]:
        return ", its own"
    if story["id_of"] is None:
        return ", of a record that has gone: subscribers know the story by it"
    return f", that of {story['id_of']}, which stood for the story when the shown one came"


def _place(view: Mapping[str, Any]) -> str:
    return view["view"] if view["stands"] else f"{view['view']}: {view['why']}"


def _line(word: str, said: object) -> str:
    return f"  {word:<{WIDE}} {contained(str(said))}"


def _minute(at: str | None) -> str:
    """Return the instant to the minute, in UTC; the shapes have it whole."""
    return f"{at[:10]} {at[11:16]}Z" if at else "never"
