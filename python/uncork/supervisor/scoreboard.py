"""The scoreboard: what each worker does and has done, in memory that all processes share.

The supervisor makes it before the first fork, and gives each worker a row; the native worker
writes it, and whoever was forked from the supervisor may read it. Where each word lies, the native
core says. Reading stops nobody, and costs the workers nothing.
"""

from __future__ import annotations

import ipaddress
import mmap
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from uncork import worker
from uncork.supervisor.handover import HandedScoreboard

_WORD = 8
_LOOKS = 1000  # at the totals, while a row is folded


class Phase(Enum):
    """How far a worker has come, as its own loop sees it."""

    LOADING = 0
    SERVING = 1
    DRAINING = 2
    ENDED = 3


class Activity(Enum):
    """What an application thread with a request is at."""

    IN_APP = 2
    WAITING_FOR_PEER = 3
    """Inside the app, which waits for the client to send or to take something."""
    UPGRADED = 4
    """The app speaks to the client by itself, by WebSocket say, for as long as it likes."""


_FIRST_BUSY = Activity.IN_APP.value


@dataclass(frozen=True)
class Histogram:
    """How many took how long.

    Attributes:
        bounds_seconds: The upper bounds of the buckets, but of the last, which has none.
        counts: One for each bucket, not added up.
        sum_seconds: Of all together.
    """

    bounds_seconds: tuple[float, ...]
    counts: tuple[int, ...]
    sum_seconds: float

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)


@dataclass(frozen=True)
class Counters:
    """What was done; none of it ever becomes less.

    Attributes:
        requests_begun: Those that reached the app, and those that were refused before.
        requests_ended: Each of them is in `responses` or in `aborted`.
        responses: By class of status, from 1xx to 5xx. A connection that was upgraded counts as
            1xx when it ends.
        aborted: Requests whose client has not got a whole answer, those of killed workers included.
        bytes_sent: Of answers, heads included, before TLS.
        latency: From the whole request to the end of the app's answer; of requests that the app
            answered, upgraded ones excepted.
        queue_time: From the whole request to the call of the app.
    """

    requests_begun: int
    requests_ended: int
    responses: tuple[int, int, int, int, int]
    aborted: int
    bytes_sent: int
    latency: Histogram
    queue_time: Histogram

    @property
    def in_flight(self) -> int:
        """Requests that have begun and not ended."""
        return max(0, self.requests_begun - self.requests_ended)


@dataclass(frozen=True)
class WorkerFigures:
    """One worker, at one moment.

    Attributes:
        row: Its row.
        pid: Its process; 0 for a moment, before the fork.
        index: Its place among the workers of its generation.
        heartbeat: When its loop has last turned, as `time.monotonic()`; `None`: it has not begun.
            A loop turns at least once a second.
        connections: That are open, upgraded ones included.
        queue: Requests that wait for a thread.
        threads: Application threads.
        busy_threads: Those of them that are inside the app.
        upgraded_threads: Those of the busy ones whose connection was upgraded.
        stuck_threads: Those whose request is over its time, and did not end in its grace.
        interpreter_asked: Since when the worker waits for its interpreter; `None`: it has it.
    """

    row: int
    pid: int
    generation: int
    index: int
    phase: Phase
    heartbeat: float | None
    connections: int
    queue: int
    threads: int
    busy_threads: int
    upgraded_threads: int
    counters: Counters
    stuck_threads: int = 0
    interpreter_asked: float | None = None


@dataclass(frozen=True)
class RunningRequest:
    """One request that is inside the app, at one moment.

    `row`, `cell` and `number` together name it: no other request ever has the same, for as long as
    the row is the same worker's.

    Attributes:
        cell: The number of its thread among those of the worker.
        number: Which of that cell's requests it is.
        target: The start of it, with the query, of up to 128 bytes.
        is_cut: Whether the target is longer.
        client: The address; `None` on a unix socket.
        identifier: What it is called in logs; `None`: its server names no requests.
        started: When the app was called, as `time.monotonic()`.
        native_thread: As `threading.get_native_id()` in the worker.
        python_thread: As `threading.get_ident()` in the worker.
    """

    row: int
    cell: int
    number: int
    method: str
    target: str
    is_cut: bool
    client: str | None
    client_port: int
    started: float
    native_thread: int
    python_thread: int
    activity: Activity
    identifier: str | None = None


@dataclass(frozen=True)
class Totals:
    """All workers together; the counters include those of workers that are gone."""

    workers: int
    connections: int
    queue: int
    threads: int
    busy_threads: int
    upgraded_threads: int
    counters: Counters


class BoardRow(NamedTuple):
    """A row, as the native worker wants it."""

    memory: mmap.mmap
    row: int


class Scoreboard:
    """Rows for the workers of one server. One process claims and releases; any may read."""

    def __init__(self, memory: mmap.mmap, layout: _Layout, descriptor: int | None) -> None:
        self._memory = memory
        self._descriptor = descriptor
        self._words = memoryview(memory).cast("Q")
        self._layout = layout

    @classmethod
    def create(cls, rows: int) -> Scoreboard:
        """A scoreboard for so many workers at a time.

        Only what is written takes memory: about 100 KiB for a worker whose 64 threads are in use.
        """
        layout = _Layout()
        size = layout.rows_at * _WORD + rows * layout.row_bytes
        descriptor = _shared_file(size)
        memory = mmap.mmap(-1 if descriptor is None else descriptor, size)
        board = cls(memory, layout, descriptor)
        board._words[layout.word("board.row_count")] = rows
        return board

    def hand_over(self) -> HandedScoreboard | None:
        """What `take_over` makes the same scoreboard of; `None` where the system has no way."""
        if self._descriptor is None:
            return None
        return HandedScoreboard(self._descriptor, self._layout.signature)

    def take_over(self, handed: HandedScoreboard) -> None:
        """Goes on with one that was there before this program, unless that has another layout.

        The workers from before go on writing there.
        """
        if handed.layout != self._layout.signature:
            os.close(handed.descriptor)
            return
        self.close()
        os.set_inheritable(handed.descriptor, False)
        self._descriptor = handed.descriptor
        self._memory = mmap.mmap(handed.descriptor, os.fstat(handed.descriptor).st_size)
        self._words = memoryview(self._memory).cast("Q")

    def close(self) -> None:
        """Gives its memory back; nothing else may be called then."""
        self._words.release()
        self._memory.close()
        if self._descriptor is not None:
            os.close(self._descriptor)

    @property
    def rows(self) -> list[int]:
        """The rows that are claimed."""
        count = self._words[self._layout.word("board.row_count")]
        return [row for row in range(count) if self._of_row(row, "generation")]

    def claim(self, generation: int, index: int) -> int | None:
        """A row for a worker that is about to be forked; `None`: all are taken.

        Args:
            generation: Its generation, from 1 on.
            index: Its place among the workers of that.
        """
        count = self._words[self._layout.word("board.row_count")]
        taken = set(self.rows)
        for row in range(count):
            if row not in taken:
                self._set(row, "index", index)
                self._set(row, "generation", generation)
                return row
        return None

    def occupy(self, row: int, pid: int) -> None:
        """Says which process has the row."""
        self._set(row, "pid", pid)

    def row_of(self, pid: int) -> int | None:
        """The row that the process has."""
        return next((row for row in self.rows if self._of_row(row, "pid") == pid), None)

    def requests_of(self, pid: int) -> int:
        """How many requests the process has answered; 0 of one that has no row."""
        row = self.row_of(pid)
        return 0 if row is None else self.worker(row).counters.requests_ended

    def for_worker(self, row: int | None) -> BoardRow | None:
        """What the worker needs to write the row that it was given, if any."""
        return None if row is None else BoardRow(self._memory, row)

    def release(self, row: int) -> None:
        """Frees the row of a worker that is dead; what it has done stays in the totals.

        What it was still at counts as aborted.
        """
        layout, words = self._layout, self._words
        sums = self._sum(row)
        unfinished = max(0, sums[layout.begun] - sums[layout.ended])
        sums[layout.ended] += unfinished
        sums[layout.aborted] += unfinished
        fold = layout.word("board.fold_sequence")
        words[fold] += 1
        for at, value in enumerate(sums, layout.word("board.gone")):
            words[at] += value
        start = layout.row_at(row)
        cells_end = layout.cell_at(row, self._of_row(row, "cells_used"))
        self._memory[start * _WORD : cells_end * _WORD] = bytes((cells_end - start) * _WORD)
        words[fold] += 1

    def worker(self, row: int) -> WorkerFigures:
        """What the worker of a row does and has done."""
        beat = self._of_row(row, "beat_ns")
        asked = self._of_row(row, "interpreter_asked_ns")
        threads, busy, upgraded = self._threads(row)
        return WorkerFigures(
            row=row,
            pid=self._of_row(row, "pid"),
            generation=self._of_row(row, "generation"),
            index=self._of_row(row, "index"),
            phase=Phase(self._of_row(row, "phase")),
            heartbeat=beat / 1e9 if beat else None,
            connections=self._of_row(row, "connections"),
            queue=self._of_row(row, "queue"),
            threads=threads,
            busy_threads=busy,
            upgraded_threads=upgraded,
            counters=self._layout.counters(self._sum(row)),
            stuck_threads=self._of_row(row, "stuck_threads"),
            interpreter_asked=asked / 1e9 if asked else None,
        )

    def running(self, row: int) -> list[RunningRequest]:
        """The requests that are inside the app, the longest first.

        Those of threads beyond the first thousand of a worker are counted and not listed.
        """
        entries = worker.scoreboard_running(self._memory, row)
        requests = [self._layout.running_request(row, cell, entry) for cell, entry in entries]
        return sorted(requests, key=lambda request: request.started)

    def totals(self) -> Totals:
        """All workers together, with what those did that are gone."""
        fold = self._layout.word("board.fold_sequence")
        for _ in range(_LOOKS):
            before = self._words[fold]
            totals = self._totals()
            if before == self._words[fold] and before % 2 == 0:
                break
        return totals

    def _totals(self) -> Totals:
        rows = self.rows
        gone = self._layout.word("board.gone")
        of_gone = self._words[gone : gone + self._layout.counter_words].tolist()
        sums = _sums([of_gone, *(self._sum(row) for row in rows)])
        threads = [self._threads(row) for row in rows]
        return Totals(
            workers=len(rows),
            connections=sum(self._of_row(row, "connections") for row in rows),
            queue=sum(self._of_row(row, "queue") for row in rows),
            threads=sum(all_threads for all_threads, _, _ in threads),
            busy_threads=sum(busy for _, busy, _ in threads),
            upgraded_threads=sum(upgraded for _, _, upgraded in threads),
            counters=self._layout.counters(sums),
        )

    def _sum(self, row: int) -> list[int]:
        layout = self._layout
        used = self._of_row(row, "cells_used")
        places = [
            layout.row_at(row) + layout.word("row.loop_counters"),
            layout.row_at(row) + layout.word("row.shared_counters"),
            *(layout.cell_at(row, cell) + layout.word("cell.counters") for cell in range(used)),
        ]
        return _sums([self._words[at : at + layout.counter_words].tolist() for at in places])

    def _threads(self, row: int) -> tuple[int, int, int]:
        """All, those inside the app, and those of them whose connection was upgraded."""
        layout = self._layout
        state = layout.word("cell.running") + layout.word("running.state")
        used = self._of_row(row, "cells_used")
        states = [self._words[layout.cell_at(row, cell) + state] for cell in range(used)]
        return (
            sum(state > 0 for state in states) + self._of_row(row, "threads_without_cell"),
            sum(state >= _FIRST_BUSY for state in states) + self._of_row(row, "busy_without_cell"),
            states.count(Activity.UPGRADED.value),
        )

    def _of_row(self, row: int, name: str) -> int:
        return self._words[self._layout.row_at(row) + self._layout.word(f"row.{name}")]

    def _set(self, row: int, name: str, value: int) -> None:
        self._words[self._layout.row_at(row) + self._layout.word(f"row.{name}")] = value


class _Layout:
    """Where everything is, in words, and what it means."""

    def __init__(self) -> None:
        places, bounds = worker.scoreboard_layout()
        self._places = {name: (at // _WORD, size, count) for name, at, size, count in places}
        self.signature = f"{zlib.crc32(repr((places, bounds)).encode()):08x}"
        self._bounds_seconds = tuple(bound / 1e9 for bound in bounds)
        self.rows_at, self.row_bytes, _ = self._places["board.rows"]
        self._cells_at, cell_bytes, _ = self._places["row.cells"]
        self._cell_words = cell_bytes // _WORD
        self.begun = self.word("counters.begun")
        self.ended = self.word("counters.ended")
        self.aborted = self.word("counters.aborted")
        ends = (
            at + count for name, (at, _, count) in self._places.items() if name[:9] == "counters."
        )
        self.counter_words = max(ends)

    def word(self, name: str) -> int:
        """Where it begins, from the start of what holds it."""
        return self._places[name][0]

    def row_at(self, row: int) -> int:
        """Where a row begins."""
        return self.rows_at + row * self.row_bytes // _WORD

    def cell_at(self, row: int, cell: int) -> int:
        """Where a cell begins."""
        return self.row_at(row) + self._cells_at + cell * self._cell_words

    def counters(self, words: list[int]) -> Counters:
        """What the words of counters say."""

        def histogram(name: str) -> Histogram:
            return Histogram(
                self._bounds_seconds,
                self._part(words, f"counters.{name}"),
                words[self.word(f"counters.{name}_ns")] / 1e9,
            )

        first, second, third, fourth, fifth = self._part(words, "counters.responses")
        return Counters(
            requests_begun=words[self.begun],
            requests_ended=words[self.ended],
            responses=(first, second, third, fourth, fifth),
            aborted=words[self.aborted],
            bytes_sent=words[self.word("counters.bytes_sent")],
            latency=histogram("latency"),
            queue_time=histogram("queue_time"),
        )

    def running_request(self, row: int, cell: int, entry: bytes) -> RunningRequest:
        """What a copy of a cell's entry says."""
        words = memoryview(entry).cast("Q").tolist()

        def one(name: str) -> int:
            return words[self.word(f"running.{name}")]

        def text(name: str, length: int) -> bytes:
            at, size, count = self._places[f"running.{name}"]
            return entry[at * _WORD :][: min(length, size * count)]

        length = one("target_length")
        target = text("target", length)
        address_bytes = {0: 0, 4: 4, 6: 16}[one("client_family")]
        return RunningRequest(
            row=row,
            cell=cell,
            number=one("number"),
            method=text("method", one("method_length")).decode("latin-1"),
            target=target.decode("latin-1"),
            is_cut=len(target) < length,
            client=str(ipaddress.ip_address(text("client_address", address_bytes)))
            if address_bytes
            else None,
            client_port=one("client_port"),
            started=one("start_ns") / 1e9,
            native_thread=one("native_thread"),
            python_thread=one("python_thread"),
            activity=Activity(one("state")),
            identifier=text("id", length).decode("latin-1")
            if (length := one("id_length"))
            else self._own_id(words),
        )

    def _own_id(self, words: list[int]) -> str | None:
        """A name of the server's own, as the native core writes it; zeros are none."""
        of_worker, number = self._part(words, "running.own_id")
        return f"{of_worker & 0xFFFFFFFF:08x}{number:016x}" if of_worker else None

    def _part(self, words: list[int], name: str) -> tuple[int, ...]:
        at, _, count = self._places[name]
        return tuple(words[at : at + count])


def _sums(lists: Iterable[Sequence[int]]) -> list[int]:
    """Those of all first numbers, all second ones, and so on."""
    return [sum(numbers) for numbers in zip(*lists, strict=True)]


def _shared_file(size: int) -> int | None:
    """Memory with a descriptor, which outlives the program; `None` where there is no such thing."""
    try:
        descriptor = os.memfd_create("uncork-scoreboard")
    except (AttributeError, OSError):  # macOS, and some sandboxes
        return None
    os.truncate(descriptor, size)
    return descriptor
