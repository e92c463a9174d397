"""``gridseval serve``: serves a policy to evaluations in other processes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from gridseval.cli.options import HELP, Text, parsed_policy_arguments, policy_options
from gridseval.cli.signals import Terminated, unignored

if TYPE_CHECKING:
    from gridseval.serving import PolicyServer


_listening = partial(click.option, show_default=True)


@click.command(name="serve", context_settings=HELP)
@policy_options()
@_listening(
    "--host", type=Text(), default="127.0.0.1", metavar="NAME", help="Address to listen on."
)
@_listening("--port", type=int, default=8000, metavar="N", help="Port; 0: any free one.")
@_listening("--max-batch", type=int, default=16, metavar="N", help="Requests per batch at most.")
@_listening(
    "--max-wait-ms",
    type=float,
    default=5.0,
    metavar="MS",
    help="Time that a request waits for others.",
)
@_listening("--seed", type=int, default=7, metavar="N", help="Seed of the policy.")
def command(
    checkpoint: str | None,
    policy: str | None,
    policy_arguments: tuple[str, ...],
    seed: int,
    trust_remote_code: bool,
    **options: Any,
) -> None:
    """Serve a policy over the websocket protocols of openpi and vla-eval, on one port.

    \b
    gridseval serve --policy nano --ckpt checkpoints/nano --port 8000
    gridseval run --suite libero_10 --ckpt ws://127.0.0.1:8000

    vla-eval's runner connects to the same address: ws://HOST:PORT/vla-eval.

    The server needs neither MuJoCo nor LIBERO. GET /healthz answers OK. GET
    /health answers as vla-eval's server does. If the environment variable
    GRIDSEVAL_API_KEY is set, clients must send that key (vla-eval's cannot).
    Set it before you listen on more than loopback.
    """  # noqa: D301
    from gridseval.policies import load_policy
    from gridseval.policies.remote.client import API_KEY
    from gridseval.serving import PolicyServer, ServeSettings

    settings = ServeSettings(api_key=os.environ.get(API_KEY) or None, **options)
    arguments = parsed_policy_arguments(policy_arguments)
    loaded = load_policy(policy, checkpoint, arguments, seed, trust_remote_code)
    for note in loaded.notes:
        click.echo(f"note: {note}", err=True)
    if settings.api_key is None and settings.host not in ("127.0.0.1", "::1", "localhost"):
        click.echo(f"warning: anyone who can reach {settings.host} can use this policy", err=True)
    # A run here would note the seed by itself; there it has a separate one.
    loaded = dataclasses.replace(loaded, description={**loaded.description, "seed": seed})
    server = PolicyServer(loaded, settings, _log)
    number = asyncio.run(_until_signal(server, f"serving {loaded.name} on"))
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


async def _until_signal(server: PolicyServer, words: str) -> int:
    """Serve until SIGINT or a signal that ends a run arrives; return which.

    An exception from a signal handler would interrupt the loop at an arbitrary point.
    """
    serving = asyncio.ensure_future(server.run(lambda address: _log(f"{words} {address}")))
    arrived: list[int] = []

    def stop(number: int) -> None:
        if not arrived:  # a second one must not interrupt the cleaning up
            arrived.append(number)
            serving.cancel()

    for number in (signal.SIGINT, *unignored()):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    return arrived[0]


def _log(line: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {line}", err=True)
