"""Faults thrown at the running bank while it pays, and what became of the money: ``python -m tests.journeys.storm``.

Each injection lays payments before the bank, breaks something in the middle of them, mends it, and waits until all have
an end. Then the database and the clearing house are asked, not the bank's pages: nothing lost, nothing twice, nothing
stuck, the books sound. Prints the matrix as Markdown; ends 1 when a cell is not clean.
"""

import argparse
import json
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from deploy.local import postgres
from deploy.local.config import ROOT
from tests.journeys.people import query
from tests.journeys.stack import HTTP, RunningStack, running_stack

PAYMENTS = 8
END_SECONDS = 120
SOON = {"OUTBOX_REDELIVERY_SECONDS": "3"}

Fault = Callable[[RunningStack, random.Random], None]


@dataclass
class Cell:
    """What was found for one kind of fault."""

    injections: int = 0
    payments: int = 0
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    unsound: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.stuck or self.unsound)


def _killed(program: str) -> Fault:
    def fault(stack: RunningStack, choose: random.Random) -> None:
        time.sleep(choose.uniform(0, 0.5))
        stack.kill(program)

    return fault


def _killed_at(point: str) -> Fault:
    """The program's next start dies at the Nth pass of this point, or is killed when none came."""
    program = "engine" if point.startswith("engine.") else "worker"

    def fault(stack: RunningStack, choose: random.Random) -> None:
        stack.stop(program)
        stack.start(program, environment=SOON | {"CRASH_AT": f"{point}:{choose.randint(1, 2)}"})
        deadline = time.monotonic() + 15
        while stack.is_running(program) and time.monotonic() < deadline:
            time.sleep(0.05)
        stack.kill(program)

    return fault


def _database_killed(stack: RunningStack, choose: random.Random) -> None:
    """Postmaster and backends at once, as a power cut does; then it starts and recovers."""
    server = stack.stack.server
    assert server is not None
    time.sleep(choose.uniform(0, 0.5))
    process = server.process()
    assert process is not None
    family = [process, *process.children(recursive=True)]
    for one in family:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
    time.sleep(choose.uniform(0, 1))
    _start_database(server)


def _database_restarted(stack: RunningStack, choose: random.Random) -> None:
    server = stack.stack.server
    assert server is not None
    time.sleep(choose.uniform(0, 0.5))
    server.stop()
    _start_database(server)


def _start_database(server: postgres.Server) -> None:
    """A killed server leaves its lock and its shared memory behind for a moment."""
    for attempt in range(5):
        try:
            server.start()
        except Exception:
            if attempt == 4:
                raise
            time.sleep(1)
        else:
            return


def _messages_lost(stack: RunningStack, choose: random.Random) -> None:
    """The broker forgets everything that it holds, again and again."""
    for _ in range(10):
        for path in (stack.var / "broker" / "messages").glob("*"):
            path.unlink(missing_ok=True)
        time.sleep(choose.uniform(0, 0.1))


def _messages_doubled(stack: RunningStack, choose: random.Random) -> None:
    """Every row of the outbox, done or not, is sent again twice, in any order."""
    rows = query(stack, "SELECT id FROM notifications_outboxmessage ORDER BY created_at DESC LIMIT 60")
    ids = [str(row[0]) for row in rows] * 2
    choose.shuffle(ids)
    query(
        stack,
        "UPDATE notifications_outboxmessage SET available_at = now() WHERE status IN ('pending', 'sent')",
    )
    script = (
        "import json, os, sys, django; django.setup()\n"
        "from apps.notifications.models import OutboxMessage\n"
        "from apps.core.enqueue import publish\n"
        "rows = OutboxMessage.objects.in_bulk(json.loads(sys.argv[1]))\n"
        "for pk in json.loads(sys.argv[1]):\n"
        "    row = rows[__import__('uuid').UUID(pk)]\n"
        "    publish(topic=row.topic, message_id=pk, queue=row.queue)\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, json.dumps(ids)],
        cwd=ROOT,
        env=dict(stack.stack.programs["relay"].environment),
        check=True,
    )


def _clock_jumps(stack: RunningStack, choose: random.Random) -> None:
    """The bank's clock goes eleven minutes, or a day, forward while payments are on their way."""
    answer = HTTP.post(
        f"{stack.bank_url}/sandbox/clock.json",
        json={"advance_seconds": choose.choice([660, 24 * 3600])},
        headers={"X-Sandbox": "1"},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text


def _everything_killed(stack: RunningStack, choose: random.Random) -> None:
    time.sleep(choose.uniform(0, 0.5))
    for program in ("engine", "worker", "relay", "clearing", "web"):
        stack.kill(program)


FAULTS: dict[str, Fault] = {
    "engine killed on receipt": _killed_at("engine.received"),
    "engine killed between debit and report": _killed_at("engine.debited"),
    "engine killed before commit": _killed_at("engine.booked"),
    "engine killed in settlement": _killed_at("engine.settled"),
    "engine killed anywhere": _killed("engine"),
    "worker killed before a message is kept": _killed_at("clearing.written"),
    "worker killed before a message is sent": _killed_at("clearing.sending"),
    "worker killed after a message was taken": _killed_at("clearing.handed_over"),
    "worker killed anywhere": _killed("worker"),
    "relay killed": _killed("relay"),
    "web killed": _killed("web"),
    "clearing house killed": _killed("clearing"),
    "all programs killed": _everything_killed,
    "database killed": _database_killed,
    "database restarted": _database_restarted,
    "broker forgets its messages": _messages_lost,
    "messages doubled and out of order": _messages_doubled,
    "clock jumps": _clock_jumps,
}
# Without a database server of its own a bank cannot kill it.
NEEDS_OWN_DATABASE = {"database killed", "database restarted"}
NEEDS_FILES = {"broker forgets its messages"}


def storm(
    stack: RunningStack,
    *,
    faults: list[str],
    injections: int,
    seed: int,
    tag: str = "",
    told: Callable[[str], None] = lambda line: None,
) -> dict[str, Cell]:
    """Throw each fault so many times, in an order drawn from ``seed``; what was found, by fault.

    The payments' request ids begin with ``tag``.
    """
    choose = random.Random(seed)
    cells = {fault: Cell() for fault in faults}
    for name in ("relay", "engine"):
        stack.stop(name)
        stack.start(name, environment=SOON)
    feeder = subprocess.Popen(
        [sys.executable, "-m", "tests.journeys.feeder", str(seed), tag],
        cwd=ROOT,
        env=dict(stack.stack.programs["web"].environment) | {"DATABASE_URL": stack.owner_url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        _line(feeder)
        rounds = [fault for fault in faults for _ in range(injections)]
        choose.shuffle(rounds)
        for number, fault in enumerate(rounds, 1):
            cell, began = cells[fault], time.monotonic()
            payments = _feed(feeder, PAYMENTS)
            FAULTS[fault](stack, choose)
            _mend(stack)
            _judge(stack, payments, cell)
            cell.injections += 1
            cell.payments += len(payments)
            told(f"{number}/{len(rounds)} {fault}: {time.monotonic() - began:.1f} s")
    finally:
        feeder.communicate()
    return cells


def table(cells: dict[str, Cell]) -> str:
    """The matrix as Markdown."""
    lines = [
        "| Fault | Injections | Payments | Lost | Twice | Stuck | Books |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault, cell in cells.items():
        books = "sound" if not cell.unsound else f"unsound {cell.unsound} times"
        lines.append(
            f"| {fault} | {cell.injections} | {cell.payments} | {len(cell.lost)} | {len(cell.twice)}"
            f" | {len(cell.stuck)} | {books} |"
        )
    return "\n".join(lines)


def _line(feeder: "subprocess.Popen[str]") -> str:
    assert feeder.stdout
    line = feeder.stdout.readline()
    if not line:
        raise RuntimeError("the feeder has ended; its last words stand above")
    return line


def _feed(feeder: "subprocess.Popen[str]", count: int) -> list[str]:
    assert feeder.stdin
    feeder.stdin.write(f"{count}\n")
    feeder.stdin.flush()
    payments: list[str] = json.loads(_line(feeder))
    return payments


def _mend(stack: RunningStack) -> None:
    """Whatever was broken runs again."""
    for name in ("relay", "engine"):
        stack.start(name, environment=SOON)
    stack.start_all()


def _judge(stack: RunningStack, payments: list[str], cell: Cell) -> None:
    ids = [uuid.UUID(payment) for payment in payments]
    deadline = time.monotonic() + END_SECONDS
    while open_ones := _without_end(stack, ids):
        if time.monotonic() > deadline:
            cell.stuck += open_ones
            break
        time.sleep(0.1)
    for payment, status, returned, booked, given_back, taken_in in query(
        stack,
        """
        SELECT p.id, p.transaction_status, p.returned_at IS NOT NULL,
               count(*) FILTER (WHERE e.kind = 'credit_transfer'),
               count(*) FILTER (WHERE e.kind = 'credit_transfer_return'),
               (SELECT count(*) FROM clearing_clearinginstruction c WHERE c.payment_id = p.id)
        FROM payments_paymentinitiation p LEFT JOIN ledger_entry e ON e.reference = p.id::text
        WHERE p.id = ANY (%s) GROUP BY p.id
        """,
        ids,
    ):
        paid = booked - given_back
        should_be = 1 if status in ("ACSC", "ACSP") and not returned else 0
        if paid < should_be or (status == "RJCT" and given_back > booked):
            cell.lost.append(str(payment))
        if booked > 1 or given_back > 1 or taken_in > 1 or paid > should_be:
            cell.twice.append(str(payment))
    in_house = HTTP.get(f"{stack.clearing_url}/transfers", timeout=30).json()
    seen = [row["tx_id"] for row in in_house]
    cell.twice += [str(one) for one in ids if seen.count(one.hex) > 1]
    if not stack.ledger()["sound"]:
        cell.unsound += 1


def _without_end(stack: RunningStack, ids: list[uuid.UUID]) -> list[str]:
    """Payments that wait for something, and those whose return is still under way."""
    rows = query(
        stack,
        """
        SELECT p.id FROM payments_paymentinitiation p
            LEFT JOIN clearing_clearinginstruction c ON c.payment_id = p.id
        WHERE p.id = ANY (%s) AND (p.transaction_status NOT IN ('ACSC', 'RJCT')
            OR (c.return_id <> '' AND p.returned_at IS NULL AND p.transaction_status = 'ACSC'))
        """,
        ids,
    )
    return [str(row[0]) for row in rows]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--injections", type=int, default=5, help="of each fault")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    parser.add_argument("--broker", default="", help="address of a broker; by default files")
    arguments = parser.parse_args()
    faults = [fault for fault in FAULTS if not (arguments.broker and fault in NEEDS_FILES)]
    _say(f"seed {arguments.seed}")
    with running_stack(broker_url=arguments.broker) as stack:
        cells = storm(
            stack,
            faults=faults,
            injections=arguments.injections,
            seed=arguments.seed,
            told=_say,
        )
        dead = query(stack, "SELECT count(*) FROM notifications_outboxmessage WHERE status = 'dead'")[0][0]
    _say(f"\n{table(cells)}\n\ndead messages: {dead}")
    return 0 if all(cell.clean for cell in cells.values()) and not dead else 1


if __name__ == "__main__":
    sys.exit(main())
