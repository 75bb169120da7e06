"""`twinny-lsp chat TEXT`: one question to the configured chat model, through the language server.

The answer streams to stdout, and nothing else goes there. Not a conversation: each call begins anew.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from twinny_lsp.cli.console import SLOW_S, command, complain, connect, out, overrides, unknown_provider
from twinny_lsp.cli.session import JsonRpcError, SessionClosed


def run(options: argparse.Namespace) -> int:
    """0 when an answer came, 1 with the reason on stderr, 2 when nothing was asked."""
    text = sys.stdin.read() if options.text == "-" else options.text
    if not text.strip():
        complain("twinny-lsp chat: there is nothing to ask")
        return 2
    if problem := unknown_provider(options.provider):
        complain(f"twinny-lsp chat: {problem}")
        return 2
    settings = overrides("chat", options.provider, options.model)
    try:
        return asyncio.run(ask(text, settings))
    except JsonRpcError as error:
        complain(error.message)
    except (SessionClosed, TimeoutError) as error:
        complain(f"The language server gave no answer. {error}".strip())
    return 1


async def ask(text: str, settings: dict[str, Any]) -> int:
    """Print the answer as it comes."""
    async with await connect({**settings, "clientFeatures": {"chatDelta": True}}) as session:
        params = command("chat", {"prompt": text, "stream": True})
        future = session.send_request("workspace/executeCommand", params)
        seen, shown = 0, ""

        def news() -> bool:
            nonlocal seen, shown
            for notification in session.notifications[seen:]:
                if notification.method == "twinny-lsp/chatDelta":
                    shown += notification.params["text"]
                    out(notification.params["text"], end="")
            seen = len(session.notifications)
            return future.done()

        try:
            await session.wait_until(news, timeout=SLOW_S)
            answer = future.result()
        finally:
            if shown and not shown.endswith("\n"):
                out("")
        await session.shutdown()
    if not shown and answer["text"]:
        out(answer["text"])
    if peer := answer["answeredBy"]:
        complain(f"Answered by {peer['name'] or 'a provider without a name'} ({peer['id']}).")
    if not answer["text"].strip():
        complain(f"{answer['model']} answered with nothing.")
        return 1
    return 0
