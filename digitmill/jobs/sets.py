"""Which pages of a job make one filled-in copy of their form: sets that lack a page, or have it twice, are told.

Nothing is changed by it. Where a set ends, nobody has written down: the pages are parted so that the least is wrong
with them. Pages of other forms, and scans that were not read, may lie between.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from digitmill.domain.rows import Row, RowStatus
from digitmill.domain.sets import Fault, FormSets, Order, Scan, Sets, Starts

LACKING, EACH_MISSING, DOUBLED, DISORDER, KNOWN = 200, 100, 500, 100, 1
"""What it costs to take pages for a set: one that lacks pages, and more for each of them; that has a page twice; that
is not in order; that has a page which is told as a copy already. So a page that comes twice begins another set, unless
both sets would lack pages; and up to five sets turned over are that, and not two sets of which each lacks a page."""
MOST_BESIDE = 32
"""Pages beyond those of the form that a set may have: copies of the same."""
EVERYWHERE = 4
"""So many faulty sets or more are no faults of theirs, if they are more than half."""
MOST_RUNS, MOST_FAULTS, MOST_UNREAD = 1_000, 50, 3
"""Runs of sets whose beginnings are kept, faults, and scans of each that were not read."""


class PageOf(NamedTuple):
    """Which page of which form a template reads; ``of`` so many."""

    form: str
    of: int
    number: int


@dataclass
class _Pile:
    """The pages of one form in the order of their rows."""

    form: str
    templates: dict[str, int]
    rows: array[int] = field(default_factory=lambda: array("Q"))
    pages: array[int] = field(default_factory=lambda: array("H"))
    known: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True, slots=True)
class _Set:
    """``start`` and ``end`` are places in the pile, ``end`` exclusive."""

    start: int
    end: int
    missing: tuple[int, ...]
    doubled: tuple[int, ...]
    in_order: bool

    @property
    def faulty(self) -> bool:
        return bool(self.missing or self.doubled) or not self.in_order

    @property
    def fault(self) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        return self.missing, self.doubled, self.in_order


class Piles:
    """Takes the rows of a job as they come; ``pages`` says of its templates, by their labels, what they read."""

    def __init__(self, pages: Mapping[str, PageOf]) -> None:
        kinds: dict[tuple[str, int], dict[str, int]] = {}
        for label, page in pages.items():
            kinds.setdefault((page.form, page.of), {})[label] = page.number
        # of a page for which the job has no template it cannot be told whether it is there
        self._piles = [_Pile(form, own) for (form, _), own in kinds.items() if len(set(own.values())) > 1]
        self._by_label = {label: pile for pile in self._piles for label in pile.templates}
        self._unread = array("Q")

    def __bool__(self) -> bool:
        return bool(self._piles)

    def watched(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows, which are put on their piles."""
        for row in rows:
            if row.status is RowStatus.FAILED:
                self._unread.append(row.index)
            elif row.page is not None and (pile := self._by_label.get(row.page.template)) is not None:
                pile.rows.append(row.index)
                pile.pages.append(pile.templates[row.page.template])
                pile.known.append(False)
            yield row

    def mark_copies(self, is_copy: Callable[[int], bool]) -> None:
        """Which rows show a page that was sent before."""
        for pile in self._piles:
            pile.known[:] = bytes(is_copy(row) for row in pile.rows)

    def sets(self, names: Callable[[Sequence[int]], Mapping[int, str]]) -> Sets:
        """What they come to; ``names`` gives those of rows."""
        found, faults = [], list[Fault]()
        for pile in self._piles:
            if not pile.rows:
                continue
            sets, told = _of_pile(pile)
            found.append(sets)
            if sets.order is not Order.LOOSE:
                faults += _faults(pile, sets.order, told, self._unread)
        faults = sorted(faults, key=lambda fault: fault.first.row)[:MOST_FAULTS]
        asked = {scan.row for fault in faults for scan in (fault.first, fault.last, *fault.unread)}
        named = names(sorted(asked))
        return Sets(tuple(found), tuple(_named(fault, named) for fault in faults))


def _of_pile(pile: _Pile) -> tuple[FormSets, list[_Set]]:
    numbers = sorted(set(pile.templates.values()))
    places = {number: place for place, number in enumerate(numbers)}
    ahead = [places[number] for number in pile.pages]
    back = [len(numbers) - 1 - place for place in ahead]
    order = Order.FORWARD
    cost, ends = _parted(ahead, pile.known, len(numbers))
    cost_back, ends_back = _parted(back, pile.known, len(numbers))
    if cost_back + 2 * DISORDER < cost:
        order, ends = Order.REVERSED, ends_back
    ranks = ahead if order is Order.FORWARD else back
    sets = [
        _set(ranks, pile.known, numbers if order is Order.FORWARD else numbers[::-1], start, end)
        for start, end in zip([0, *ends], ends, strict=False)
    ]
    counts = Counter(pile.pages)
    found = FormSets(pile.form, {number: counts[number] for number in numbers}, dict(pile.templates), order)
    if _is_loose(ahead, sets, list(found.pages.values())):
        return replace(found, order=Order.LOOSE), []
    starts, kept = _starts([pile.rows[each.start] for each in sets])
    told = replace(
        found,
        sets=len(sets),
        incomplete=sum(bool(each.missing) for each in sets),
        missing=sum(len(each.missing) for each in sets),
        faulty=sum(each.faulty for each in sets),
        starts=starts,
        kept=pile.rows[-1] + 1 if kept == len(sets) else pile.rows[sets[kept].start],
    )
    return told, sets


def _parted(ranks: Sequence[int], known: Sequence[int], pages: int) -> tuple[int, list[int]]:
    """The cheapest way to part pages into sets: what it costs, and where each set ends, exclusive. ``ranks`` are places
    in the form, from 0."""
    many = len(ranks)
    best, before = [0, *[1 << 62] * many], [0] * (many + 1)
    for start in range(many):
        seen, top, left = 0, -1, pages
        beside = disorder = 0
        for end in range(start, min(many, start + pages + MOST_BESIDE)):
            rank = ranks[end]
            if seen >> rank & 1:
                beside += KNOWN if known[end] else DOUBLED
                if beside >= 2 * DOUBLED:
                    break
            else:
                seen |= 1 << rank
                left -= 1
                disorder = DISORDER if rank < top else disorder
                top = max(top, rank)
            cost = best[start] + beside + disorder + (LACKING + EACH_MISSING * left if left else 0)
            if cost < best[end + 1]:
                best[end + 1], before[end + 1] = cost, start
    ends, end = list[int](), many
    while end:
        ends.append(end)
        end = before[end]
    return best[many], ends[::-1]


def _set(ranks: Sequence[int], known: Sequence[int], numbers: Sequence[int], start: int, end: int) -> _Set:
    seen, doubled = list[int](), set[int]()
    for place in range(start, end):
        if ranks[place] not in seen:
            seen.append(ranks[place])
        elif not known[place]:
            doubled.add(numbers[ranks[place]])
    missing = sorted(number for rank, number in enumerate(numbers) if rank not in seen)
    return _Set(start, end, tuple(missing), tuple(sorted(doubled)), seen == sorted(seen))


def _is_loose(ranks: Sequence[int], sets: Sequence[_Set], counts: Sequence[int]) -> bool:
    """Whether so much is wrong that the pages do not come set by set."""
    faulty = [each for each in sets if each.faulty]
    if 2 * len(faulty) <= len(sets) or len({each.fault for each in sets}) == 1:
        return False
    if len(faulty) >= EVERYWHERE:
        return True
    sorted_by_page = list(ranks) in (sorted(ranks), sorted(ranks, reverse=True))
    lacking = sum(bool(each.missing) for each in sets)
    return lacking > 1 and (len(set(counts)) == 1 or (sorted_by_page and sorted(counts)[-2] > 1))


def _starts(rows: Sequence[int]) -> tuple[tuple[Starts, ...], int]:
    """The rows at which sets begin as runs, and of how many sets these are."""
    runs = list[Starts]()
    for number, row in enumerate(rows, 1):
        last = runs[-1] if runs else None
        if last is not None and last.sets == 1:
            runs[-1] = last._replace(step=row - last.row, sets=2)
        elif last is not None and row == last.row + last.step * last.sets:
            runs[-1] = last._replace(sets=last.sets + 1)
        elif len(runs) == MOST_RUNS:
            return tuple(runs), number - 1
        else:
            runs.append(Starts(row, 1, 1, number))
    return tuple(runs), len(rows)


def _faults(pile: _Pile, order: Order, sets: Sequence[_Set], unread: Sequence[int]) -> list[Fault]:
    """The first faults, still without names; sets with the same one behind the other are one."""
    found = list[Fault]()
    for place, each in enumerate(sets):
        if not each.faulty:
            continue
        first, last = Scan(pile.rows[each.start], ""), Scan(pile.rows[each.end - 1], "")
        fault = Fault(pile.form, place + 1, 1, *each.fault, first, last, _unread(pile, order, each, unread))
        before = found[-1] if found else None
        if before is not None and _goes_on(before, fault):
            found[-1] = before._replace(sets=before.sets + 1, last=last)
        elif len(found) < MOST_FAULTS:
            found.append(fault)
        else:
            break
    return found


def _goes_on(before: Fault, fault: Fault) -> bool:
    alike = (before.missing, before.doubled, before.in_order) == (fault.missing, fault.doubled, fault.in_order)
    return alike and before.number + before.sets == fault.number and not (before.unread or fault.unread)


def _unread(pile: _Pile, order: Order, each: _Set, unread: Sequence[int]) -> tuple[Scan, ...]:
    """Scans which may be what the set lacks: where its missing pages would lie, between those of it that are there, or
    from the set before to the one behind."""
    if not each.missing:
        return ()
    before, behind = each.start - 1, each.end
    if each.in_order:
        way = 1 if order is Order.FORWARD else -1
        missing = [way * number for number in each.missing]
        for place in range(each.start, each.end):
            before = place if way * pile.pages[place] < min(missing) else before
        behind = next((at for at in range(each.start, each.end) if way * pile.pages[at] > max(missing)), behind)
    first = bisect_left(unread, pile.rows[before]) if before >= 0 else 0
    end = bisect_left(unread, pile.rows[behind]) if behind < len(pile.rows) else len(unread)
    return tuple(Scan(row, "") for row in unread[first : min(end, first + MOST_UNREAD)])


def _named(fault: Fault, names: Mapping[int, str]) -> Fault:
    def of(scan: Scan) -> Scan:
        return Scan(scan.row, names.get(scan.row, ""))

    return fault._replace(first=of(fault.first), last=of(fault.last), unread=tuple(map(of, fault.unread)))
