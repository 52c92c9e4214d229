"""The house's books, in one SQLite file: every call commits before it returns, so that a kill loses nothing.

Seen from the member bank: a transfer goes ``out`` or comes ``in``. Ordinary ones settle together at the end of a
cycle, instant ones at once; either way the position moves by exactly what is reported for the cycle.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from examples.clearing_house import messages
from examples.clearing_house.behaviour import ACTS, Behaviour, behaviour_for
from examples.clearing_house.messages import Incoming, Recall, ReportLine, Return, Status, Transfer

RAILS = ("sct", "inst", "t2", "xb")
RETRY_MAX_SECONDS = 20.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS received (message_id TEXT PRIMARY KEY, name TEXT, digest TEXT, received_at REAL);
CREATE TABLE IF NOT EXISTS transfers (
    direction TEXT, tx_id TEXT, rail TEXT, message_id TEXT, end_to_end TEXT, amount_minor INTEGER, debtor_name TEXT,
    debtor_iban TEXT, creditor_name TEXT, creditor_iban TEXT, remittance TEXT, status TEXT, reason TEXT DEFAULT '',
    cycle TEXT DEFAULT '', act TEXT DEFAULT 'pay', act_reason TEXT DEFAULT '', act_seconds REAL DEFAULT 0,
    due_at REAL DEFAULT 0, PRIMARY KEY (direction, tx_id));
CREATE TABLE IF NOT EXISTS returns (
    direction TEXT, return_id TEXT, tx_id TEXT, rail TEXT, message_id TEXT, amount_minor INTEGER, reason TEXT,
    status TEXT, cycle TEXT DEFAULT '', PRIMARY KEY (direction, return_id));
CREATE TABLE IF NOT EXISTS cycles (
    rail TEXT, number INTEGER, name TEXT UNIQUE, opened_at REAL, closed_at REAL, opening_minor INTEGER,
    closing_minor INTEGER, PRIMARY KEY (rail, number));
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, name TEXT, body BLOB, due_at REAL,
    attempts INTEGER DEFAULT 0, state TEXT DEFAULT 'waiting', answer TEXT DEFAULT '');
CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY AUTOINCREMENT, act TEXT, reason TEXT, seconds REAL);
"""


class Refused(Exception):
    """Why the house does not take something."""


class Books:
    """All that the house knows. Safe to call from several threads; ``now`` is seconds since 1970."""

    def __init__(
        self, path: Path, *, bank_bic: str, cycle_seconds: float, instant_seconds: float, now: float
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        self._bank_bic, self._cycle_seconds, self._instant_seconds = (
            bank_bic,
            cycle_seconds,
            instant_seconds,
        )
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        with self._transaction():
            for rail in RAILS:
                if self._open_cycle(rail) is None:
                    self._start_cycle(rail, number=1, opening_minor=0, now=now)

    # What the bank sends ------------------------------------------------------------------------------

    def take(self, body: bytes, *, now: float) -> bool:
        """Take a message of the bank; False when it is here already.

        :raises BadMessage: it cannot be read.
        :raises Refused: another message has come under this id.
        """
        message = messages.read_message(body)
        digest = hashlib.sha256(body).hexdigest()
        with self._transaction():
            known = self._one("SELECT digest FROM received WHERE message_id = ?", message.message_id)
            if known is not None:
                if known["digest"] != digest:
                    raise Refused("another message has this id")
                return False
            self._run(
                "INSERT INTO received VALUES (?, ?, ?, ?)", message.message_id, message.name, digest, now
            )
            for item in message.items:
                self._take_item(message, item, now=now)
        return True

    def _take_item(self, message: Incoming, item: Transfer | Status | Return | Recall, *, now: float) -> None:
        if isinstance(item, Transfer):
            self._take_transfer(message, item, now=now)
        elif isinstance(item, Status):
            self._take_answer(item, now=now)
        elif isinstance(item, Return):
            self._take_return(message, item, now=now)
        else:
            self._take_recall(item, now=now)

    def _take_transfer(self, message: Incoming, transfer: Transfer, *, now: float) -> None:
        if self._transfer("out", transfer.tx_id):
            known = Status(transfer.tx_id, "RJCT", "AM05")
            self._tell_statuses(message.message_id, [known], of=len(message.items), now=now)
            return
        behaviour = self._next_order() or behaviour_for(transfer.creditor_iban)
        self._insert_transfer("out", transfer, message_id=message.message_id, status="taken", now=now)
        self._run(
            "UPDATE transfers SET act = ?, act_reason = ?, act_seconds = ? WHERE direction = 'out' AND tx_id = ?",
            *(behaviour.act, behaviour.reason, behaviour.seconds, transfer.tx_id),
        )
        if transfer.rail != "sct" and behaviour.act != "silent":
            self._decide([self._transfer("out", transfer.tx_id)], now=now)

    def _take_answer(self, answer: Status, *, now: float) -> None:
        """The bank's answer to an instant transfer for a customer of it."""
        row = self._transfer("in", answer.tx_id)
        if row is None or row["rail"] != "inst" or row["status"] != "asked":
            return
        if answer.status in ("ACSC", "ACCP", "ACSP", "ACTC"):
            self._settle_in(row)
            self._tell_statuses(
                row["message_id"],
                [Status(answer.tx_id, "ACSC", "")],
                cycle=self._cycle_name("inst"),
                copies=_copies(row),
                now=now,
            )
        else:
            self._set("in", answer.tx_id, status="rejected", reason=answer.reason)

    def _take_return(self, message: Incoming, item: Return, *, now: float) -> None:
        row = self._transfer("in", item.tx_id)
        taken = row is not None and row["status"] == "settled" and row["amount_minor"] == item.amount_minor
        again = self._one("SELECT 1 FROM returns WHERE direction = 'out' AND tx_id = ?", item.tx_id)
        if row is None or not taken or again:
            refused = Status(item.tx_id, "RJCT", "NARR")
            self._tell_statuses(message.message_id, [refused], name=messages.PACS_004, now=now)
            return
        self._insert_return("out", item, rail=row["rail"], message_id=message.message_id)
        if row["rail"] == "inst":
            self._settle_return_out(item.return_id, now=now)

    def _take_recall(self, recall: Recall, *, now: float) -> None:
        row = self._transfer("out", recall.tx_id)
        returned = self._one("SELECT 1 FROM returns WHERE direction = 'in' AND tx_id = ?", recall.tx_id)
        if row is None or row["status"] != "settled" or row["act"] == "keep" or returned:
            reason = "NOOR" if row is None or row["status"] != "settled" else "ARDT" if returned else "CUST"
            body_id = _new_id("R")
            body = messages.write_refusal_of_recall(
                body_id,
                case_id=recall.case_id,
                tx_id=recall.tx_id,
                reason=reason,
                bank_bic=self._bank_bic,
                now=_moment(now),
            )
            self._send(body_id, messages.CAMT_029, body, due_at=now)
        else:
            self._begin_return(row, reason="FOCR", now=now)

    # What the sandbox asks for ------------------------------------------------------------------------

    def order_next(self, behaviour: Behaviour) -> None:
        """The next transfer of the bank is treated so, whatever its payee.

        :raises Refused: no such act.
        """
        if behaviour.act not in ACTS:
            raise Refused(f"{behaviour.act} is none of {', '.join(ACTS)}")
        with self._transaction():
            self._run(
                "INSERT INTO orders (act, reason, seconds) VALUES (?, ?, ?)",
                *(behaviour.act, behaviour.reason, behaviour.seconds),
            )

    def bring(self, transfer: Transfer, *, act: str, now: float) -> str:
        """Somebody elsewhere pays a customer of the bank; returns the transaction id."""
        with self._transaction():
            instant = transfer.rail == "inst"
            self._insert_transfer(
                "in", transfer, message_id=_new_id("I"), status="asked" if instant else "taken", now=now
            )
            self._run(
                "UPDATE transfers SET act = ? WHERE direction = 'in' AND tx_id = ?", act, transfer.tx_id
            )
            if instant:
                self._run(
                    "UPDATE transfers SET due_at = ? WHERE direction = 'in' AND tx_id = ?",
                    *(now + self._instant_seconds, transfer.tx_id),
                )
                self._tell_transfer(self._transfer("in", transfer.tx_id), now=now)
        return transfer.tx_id

    def send_raw(self, body: bytes, *, now: float) -> None:
        """Send any bytes to the bank, to see what it does with them."""
        with self._transaction():
            self._send(_new_id("X"), "raw", body, due_at=now)

    def close_cycle(self, rail: str, *, now: float) -> bool:
        """Settle what waits on this rail and report the cycle; False when there was nothing."""
        with self._transaction():
            return self._close_cycle(rail, now=now)

    def tick(self, *, now: float) -> None:
        """What is due by time alone: cycles, and instant transfers that the bank did not answer."""
        with self._transaction():
            for row in self._all(
                "SELECT * FROM transfers WHERE direction = 'in' AND status = 'asked' AND due_at <= ?", now
            ):
                self._set("in", row["tx_id"], status="timed out", reason="AB05")
                self._tell_statuses(row["message_id"], [Status(row["tx_id"], "RJCT", "AB05")], now=now)
            for rail in RAILS:
                cycle = self._open_cycle(rail)
                if cycle is not None and now - cycle["opened_at"] >= self._cycle_seconds:
                    self._close_cycle(rail, now=now)

    # Settlement ---------------------------------------------------------------------------------------

    def _decide(self, rows: list[sqlite3.Row], *, now: float) -> None:
        """Settle or refuse these transfers of one rail. What came in one message is answered in one, but for what is
        told later or twice."""
        cycle = self._cycle_name(rows[0]["rail"])
        answers: dict[tuple[str, float, int], list[Status]] = {}
        for row in rows:
            told_at = now + row["act_seconds"] + (1.5 if row["act"] == "return_first" else 0)
            answers.setdefault((row["message_id"], told_at, _copies(row)), []).append(
                self._settle_out(row, cycle=cycle)
            )
        for (message_id, told_at, copies), statuses in answers.items():
            (sent,) = self._one("SELECT count(*) FROM transfers WHERE message_id = ?", message_id)
            self._tell_statuses(message_id, statuses, of=sent, cycle=cycle, copies=copies, now=told_at)
        for row in rows:
            if row["act"] in ("return", "return_first"):
                self._begin_return(row, reason=row["act_reason"] or "AC04", now=now)

    def _settle_out(self, row: sqlite3.Row, *, cycle: str) -> Status:
        if row["act"] == "reject":
            reason = row["act_reason"] or "AC01"
            self._set("out", row["tx_id"], status="rejected", reason=reason)
            return Status(row["tx_id"], "RJCT", reason)
        self._set("out", row["tx_id"], status="settled", cycle=cycle)
        self._move(row["rail"], -row["amount_minor"])
        return Status(row["tx_id"], "ACSC", "")

    def _settle_in(self, row: sqlite3.Row) -> None:
        self._set("in", row["tx_id"], status="settled", cycle=self._cycle_name(row["rail"]))
        self._move(row["rail"], row["amount_minor"])

    def _begin_return(self, row: sqlite3.Row, *, reason: str, now: float) -> None:
        item = Return(_new_id("R"), row["tx_id"], row["amount_minor"], reason)
        self._insert_return("in", item, rail=row["rail"], message_id=_new_id("M"))
        if row["rail"] != "sct" or row["act"] == "return_first":
            self._settle_return_in(item.return_id, now=now)

    def _settle_return_in(self, return_id: str, *, now: float) -> None:
        item = self._return("in", return_id)
        row = self._transfer("out", item["tx_id"])
        cycle = self._cycle_name(item["rail"])
        self._run(
            "UPDATE returns SET status = 'settled', cycle = ? WHERE direction = 'in' AND return_id = ?",
            *(cycle, return_id),
        )
        self._move(item["rail"], item["amount_minor"])
        body = messages.write_return(
            item["message_id"],
            return_id=return_id,
            original_message_id=row["message_id"],
            tx_id=item["tx_id"],
            amount_minor=item["amount_minor"],
            reason=item["reason"],
            cycle=cycle,
            bank_bic=self._bank_bic,
            now=_moment(now),
        )
        self._send(item["message_id"], messages.PACS_004, body, due_at=now, copies=_copies(row))

    def _settle_return_out(self, return_id: str, *, now: float) -> None:
        item = self._return("out", return_id)
        cycle = self._cycle_name(item["rail"])
        self._run(
            "UPDATE returns SET status = 'settled', cycle = ? WHERE direction = 'out' AND return_id = ?",
            *(cycle, return_id),
        )
        self._move(item["rail"], -item["amount_minor"])
        settled = Status(item["tx_id"], "ACSC", "")
        self._tell_statuses(item["message_id"], [settled], name=messages.PACS_004, cycle=cycle, now=now)

    def _close_cycle(self, rail: str, *, now: float) -> bool:
        for item in self._all("SELECT * FROM returns WHERE rail = ? AND status = 'taken'", rail):
            if item["direction"] == "in":
                self._settle_return_in(item["return_id"], now=now)
            else:
                self._settle_return_out(item["return_id"], now=now)
        if rail == "sct":
            due = self._all(
                "SELECT * FROM transfers WHERE rail = 'sct' AND status = 'taken' AND act <> 'silent' ORDER BY rowid"
            )
            if leaving := [row for row in due if row["direction"] == "out"]:
                self._decide(leaving, now=now)
            for row in due:
                if row["direction"] == "in":
                    self._settle_in(row)
                    self._tell_transfer(self._transfer("in", row["tx_id"]), now=now)
        cycle = self._open_cycle(rail)
        lines = self._report_lines(cycle["name"])
        if not lines and cycle["opening_minor"] == cycle["closing_minor"]:
            self._run("UPDATE cycles SET opened_at = ? WHERE name = ?", now, cycle["name"])
            return False
        self._run("UPDATE cycles SET closed_at = ? WHERE name = ?", now, cycle["name"])
        message_id = f"C-{cycle['name']}"
        body = messages.write_report(
            message_id,
            cycle=cycle["name"],
            rail=rail,
            number=cycle["number"],
            bank_bic=self._bank_bic,
            opening_minor=cycle["opening_minor"],
            closing_minor=cycle["closing_minor"],
            lines=lines,
            now=_moment(now),
        )
        self._send(message_id, messages.CAMT_053, body, due_at=now)
        self._start_cycle(rail, number=cycle["number"] + 1, opening_minor=cycle["closing_minor"], now=now)
        return True

    def _report_lines(self, cycle: str) -> list[ReportLine]:
        lines = []
        for row in self._all("SELECT * FROM transfers WHERE cycle = ? ORDER BY tx_id", cycle):
            if row["act"] != "unreported":
                amount = row["amount_minor"] + (1 if row["act"] == "misreported" else 0)
                lines.append(
                    ReportLine(
                        row["tx_id"],
                        row["tx_id"],
                        "",
                        row["end_to_end"],
                        amount,
                        is_credit=row["direction"] == "in",
                        is_return=False,
                    )
                )
        for item in self._all("SELECT * FROM returns WHERE cycle = ? ORDER BY return_id", cycle):
            lines.append(
                ReportLine(
                    item["return_id"],
                    item["tx_id"],
                    item["return_id"],
                    "NOTPROVIDED",
                    item["amount_minor"],
                    is_credit=item["direction"] == "in",
                    is_return=True,
                )
            )
        return lines

    # Messages to the bank -----------------------------------------------------------------------------

    def _tell_transfer(self, row: sqlite3.Row, *, now: float) -> None:
        transfer = Transfer(
            tx_id=row["tx_id"],
            end_to_end=row["end_to_end"],
            amount_minor=row["amount_minor"],
            debtor_name=row["debtor_name"],
            debtor_iban=row["debtor_iban"],
            creditor_name=row["creditor_name"],
            creditor_iban=row["creditor_iban"],
            remittance=row["remittance"],
            rail=row["rail"],
        )
        body = messages.write_transfer(
            row["message_id"],
            transfer,
            cycle=row["cycle"] or self._cycle_name(row["rail"]),
            bank_bic=self._bank_bic,
            debtor_bic="ELSEDEFFXXX",
            now=_moment(now),
        )
        self._send(row["message_id"], messages.PACS_008, body, due_at=now, copies=_copies(row))

    def _tell_statuses(
        self,
        original_message_id: str,
        statuses: list[Status],
        *,
        of: int = 1,
        name: str = messages.PACS_008,
        cycle: str = "",
        copies: int = 1,
        now: float,
    ) -> None:
        """``of``: how many the original message carried."""
        message_id = _new_id("S")
        body = messages.write_status(
            message_id,
            original_message_id=original_message_id,
            original_name=name,
            statuses=statuses,
            of=of,
            cycle=cycle,
            now=_moment(now),
        )
        self._send(message_id, messages.PACS_002, body, due_at=now, copies=copies)

    def _send(self, message_id: str, name: str, body: bytes, *, due_at: float, copies: int = 1) -> None:
        for copy in range(copies):
            self._run(
                "INSERT INTO outbox (message_id, name, body, due_at) VALUES (?, ?, ?, ?)",
                *(message_id, name, body, due_at + copy * 0.2),
            )

    def due_messages(self, *, now: float) -> list[tuple[int, bytes]]:
        """What has to go to the bank now, oldest first."""
        with self._lock:
            rows = self._all(
                "SELECT number, body FROM outbox WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, number"
                " LIMIT 50",
                now,
            )
            return [(row["number"], bytes(row["body"])) for row in rows]

    def note_delivery(self, number: int, *, status: int, answer: str, now: float) -> None:
        """What the bank said: taken, refused for good, or (0 and 5xx) to be tried again later."""
        with self._transaction():
            if 200 <= status < 300 or 400 <= status < 500:
                state = "taken" if status < 300 else "refused"
                self._run(
                    "UPDATE outbox SET state = ?, answer = ?, attempts = attempts + 1 WHERE number = ?",
                    *(state, f"{status} {answer}"[:2000], number),
                )
            else:
                self._run(
                    "UPDATE outbox SET attempts = attempts + 1, answer = ?,"
                    " due_at = ? + min(0.25 * (1 << min(attempts, 10)), ?) WHERE number = ?",
                    *(f"{status} {answer}"[:2000], now, RETRY_MAX_SECONDS, number),
                )

    # Looking ------------------------------------------------------------------------------------------

    def show(self, table: str) -> list[dict[str, Any]]:
        """All rows of a table, for whoever watches the sandbox."""
        statements = {
            "transfers": "SELECT * FROM transfers",
            "returns": "SELECT * FROM returns",
            "cycles": "SELECT * FROM cycles ORDER BY rail, number",
            "outbox": "SELECT number, message_id, name, due_at, attempts, state, answer FROM outbox",
            "received": "SELECT * FROM received",
        }
        with self._lock:
            return [dict(row) for row in self._all(statements[table])]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    # Rows ---------------------------------------------------------------------------------------------

    def _insert_transfer(
        self, direction: str, transfer: Transfer, *, message_id: str, status: str, now: float
    ) -> None:
        self._run(
            "INSERT INTO transfers (direction, tx_id, rail, message_id, end_to_end, amount_minor, debtor_name,"
            " debtor_iban, creditor_name, creditor_iban, remittance, status, due_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(direction, transfer.tx_id, transfer.rail, message_id, transfer.end_to_end),
            *(transfer.amount_minor, transfer.debtor_name, transfer.debtor_iban, transfer.creditor_name),
            *(transfer.creditor_iban, transfer.remittance, status, now),
        )

    def _insert_return(self, direction: str, item: Return, *, rail: str, message_id: str) -> None:
        self._run(
            "INSERT INTO returns (direction, return_id, tx_id, rail, message_id, amount_minor, reason, status)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 'taken')",
            *(direction, item.return_id, item.tx_id, rail, message_id, item.amount_minor, item.reason),
        )

    def _transfer(self, direction: str, tx_id: str) -> Any:
        return self._one("SELECT * FROM transfers WHERE direction = ? AND tx_id = ?", direction, tx_id)

    def _return(self, direction: str, return_id: str) -> Any:
        return self._one("SELECT * FROM returns WHERE direction = ? AND return_id = ?", direction, return_id)

    def _set(self, direction: str, tx_id: str, *, status: str, reason: str = "", cycle: str = "") -> None:
        self._run(
            "UPDATE transfers SET status = ?, reason = ?, cycle = ? WHERE direction = ? AND tx_id = ?",
            *(status, reason, cycle, direction, tx_id),
        )

    def _next_order(self) -> Behaviour | None:
        row = self._one("SELECT * FROM orders ORDER BY number LIMIT 1")
        if row is None:
            return None
        self._run("DELETE FROM orders WHERE number = ?", row["number"])
        return Behaviour(row["act"], row["reason"], row["seconds"])

    def _open_cycle(self, rail: str) -> Any:
        return self._one("SELECT * FROM cycles WHERE rail = ? AND closed_at IS NULL", rail)

    def _cycle_name(self, rail: str) -> str:
        return str(self._open_cycle(rail)["name"])

    def _start_cycle(self, rail: str, *, number: int, opening_minor: int, now: float) -> None:
        name = f"{rail.upper()}-{_moment(now):%Y%m%d}-{number}"
        self._run(
            "INSERT INTO cycles (rail, number, name, opened_at, opening_minor, closing_minor)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            *(rail, number, name, now, opening_minor, opening_minor),
        )

    def _move(self, rail: str, amount_minor: int) -> None:
        self._run(
            "UPDATE cycles SET closing_minor = closing_minor + ? WHERE rail = ? AND closed_at IS NULL",
            *(amount_minor, rail),
        )

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db, self._lock)

    def _run(self, statement: str, *values: object) -> None:
        self._db.execute(statement, values)

    def _one(self, statement: str, *values: object) -> Any:
        return self._db.execute(statement, values).fetchone()

    def _all(self, statement: str, *values: object) -> list[Any]:
        return self._db.execute(statement, values).fetchall()


class _Transaction:
    """One writer at a time, all or nothing."""

    def __init__(self, database: sqlite3.Connection, lock: threading.RLock) -> None:
        self._database, self._lock = database, lock

    def __enter__(self) -> None:
        self._lock.acquire()
        self._database.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._database.execute("COMMIT" if kind is None else "ROLLBACK")
        finally:
            self._lock.release()


def _copies(row: Any) -> int:
    return 2 if row["act"] == "twice" else 1


def _new_id(letter: str) -> str:
    return f"{letter}-{uuid.uuid4().hex}"


def _moment(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC)
