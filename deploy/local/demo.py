"""``make demo``: start the bank, if it does not run yet, and play both stories of the founding text over HTTP.

Figure 1: a customer connects an account with ShopPay, the demo TPP: consent with two factors, OpenID Connect tokens.
Figure 2: the same customer pays through ShopPay: a code bound to amount and payee, the engine, the confirmation.

Everything goes through the doors that a stranger has: the pages of bank and TPP with cookies and forms, ShopPay's API,
the bank's API as ShopPay calls it. Ends 0 when all held; otherwise names the step at which it did not.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from deploy.local import running
from deploy.local.config import ROOT, Config, ensure_folder, from_environment
from deploy.local.console import Refusal, say, sentences
from deploy.local.narrator import Narrator, StepFailed
from deploy.local.story import Story

_START_SECONDS = 180


@contextlib.contextmanager
def _bank(config: Config) -> Iterator[None]:
    """The bank, up: the one that runs already, or one for the length of the demo."""
    if running.is_up(config):
        say(f"  The bank runs already at {config.bank_url}: the demo plays there and leaves it running.")
        yield
        return
    log = config.logs / "demo.log"
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.run", "--logs", str(log)],
        cwd=ROOT,
        # A group of its own: on Ctrl-C we end it ourselves, in order.
        start_new_session=True,
    )
    try:
        _wait_until_ready(config, launcher, str(log))
        yield
    finally:
        launcher.send_signal(signal.SIGTERM)
        try:
            launcher.wait(timeout=30)
        except subprocess.TimeoutExpired:
            launcher.kill()


def _wait_until_ready(config: Config, launcher: "subprocess.Popen[bytes]", log: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not running.read(config).get("ready"):
        if launcher.poll() is not None:
            raise Refusal(f"The bank did not start; what its programs said is in {log}.")
        if time.monotonic() > deadline:
            raise Refusal(
                f"The bank was not ready within {_START_SECONDS} s; what its programs said is in {log}."
            )
        time.sleep(0.1)


def play(config: Config) -> int:
    """Play the stories; 0 when all held."""
    ensure_folder(config)
    with _bank(config):
        narrator = Narrator()
        story = Story(config=config, narrator=narrator)
        try:
            story.play()
        except StepFailed as failure:
            say(f"\nThe demo failed at: {narrator.current}\n  {failure}", out=sys.stderr)
            return 1
        except Exception as error:
            say(
                f"\nThe demo failed at: {narrator.current}\n  {type(error).__name__}: {error}", out=sys.stderr
            )
            return 1
        finally:
            story.close()
    say(f"\nBoth stories played, everything held: {narrator.calls} calls in {narrator.seconds:.1f} s.")
    return 0


def main() -> int:
    """The program behind ``make demo``."""
    # Whoever ends us ends the bank that we started, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with sentences():
        try:
            return play(from_environment())
        except KeyboardInterrupt:
            say("\nStopped.")
            return 130


if __name__ == "__main__":
    sys.exit(main())
