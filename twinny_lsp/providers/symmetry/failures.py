"""What can go wrong on the way over Symmetry: each as one error, one line for a person with the next step.

The network itself tells almost nothing: a server without a fitting provider does not answer, and a provider
keeps the errors of its model server to itself. So most of these are named after what was waited for.
"""

from __future__ import annotations

from twinny_lsp import errors
from twinny_lsp.exchange import Generation, Peer
from twinny_lsp.providers.endpoint import Endpoint
from twinny_lsp.providers.failures import scrub
from twinny_lsp.providers.symmetry.setup import INSTALL
from twinny_lsp.providers.symmetry.sidecar import SidecarFailed

SHOWN_ID = 12
MAX_LISTED = 5
_AGAIN = "Ask again: the server may choose another provider"


def plain(words: str, generation: Generation | None = None) -> str:
    """A stranger's words in a message: one short, printable line, without the user's own."""
    return scrub("".join(char if char.isprintable() else " " for char in words), "", generation)


def who(peer: Peer) -> str:
    """A provider in a message: its name and the beginning of its id."""
    return f"{peer.name or 'a provider without a name'} ({peer.id[:SHOWN_ID]}…)"


class Failures:
    """The errors of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._name = endpoint.name

    def _say(self, kind: type[errors.ProviderError], text: str, detail: str = "") -> errors.ProviderError:
        return kind(f"{self._name}: {text}", provider=self._name, detail=detail)

    # -- this machine -----------------------------------------------------------------------------

    def chat_only(self) -> errors.ProviderError:
        """Something else than a chat was asked of it."""
        text = "Symmetry carries chat only. Choose another provider for completion."
        return self._say(errors.Unsupported, text)

    def no_list(self) -> errors.ProviderError:
        """The network has no list of its models."""
        text = "the network does not tell which models it has. Name one in chat.model, tag included."
        return self._say(errors.Unsupported, text)

    def not_set_up(self, problem: str) -> errors.ProviderError:
        """Node.js or the modules are missing."""
        return self._say(errors.Unsupported, f"{problem}.")

    def closed(self) -> errors.ProviderError:
        """The provider object was closed, by a change of settings or the end of the server."""
        return self._say(errors.ServerFailure, "the connection was closed because the settings changed.")

    def sidecar(self, error: SidecarFailed, *, under_way: bool) -> errors.ProviderError:
        """The Node.js child failed."""
        if error.modules:
            text = f"its modules cannot be loaded by this Node.js. Run {INSTALL} again."
            return self._say(errors.ServerFailure, text, detail=str(error))
        if under_way:
            text = f"its Node.js process ended while at work: {error}. The next question starts it again."
            return self._say(errors.Interrupted, text)
        text = f"its Node.js process failed: {error}. `twinny-lsp symmetry status` shows which it is."
        return self._say(errors.ServerFailure, text)

    def too_large(self, size: int) -> errors.ProviderError:
        """The chat does not fit into one message."""
        text = f"the chat has {size / 2**20:.0f} MiB, and the network carries 16 at once. Begin a new one."
        return self._say(errors.ContextOverflow, text)

    # -- the server -------------------------------------------------------------------------------

    def server_unreachable(self, server_key: str, seconds: float) -> errors.ProviderError:
        """No connection to the matchmaking server."""
        return self._say(
            errors.Unreachable,
            f"the Symmetry server {server_key[:SHOWN_ID]}… could not be reached within {seconds:g} s: this "
            "machine is offline, a firewall keeps UDP back, or the server is down. Try again later, or "
            f"raise providers.{self._name}.timeouts.connect.",
        )

    def server_closed(self) -> errors.ProviderError:
        """It hung up before it had named a provider."""
        text = "the Symmetry server closed the connection before it named a provider. Try again later."
        return self._say(errors.Interrupted, text)

    def no_provider(self, model: str, seconds: float) -> errors.ProviderError:
        """The server named none; it never says so."""
        return self._say(
            errors.ModelMissing,
            f"no provider for {model} within {seconds:g} s: nobody who has exactly this model is online, or "
            "all are taken. Check chat.model (the whole name, tag included), or ask again later.",
        )

    def none_allowed(self, model: str, named: list[str]) -> errors.ProviderError:
        """It named some, but none of the allow-list."""
        return self._say(
            errors.ModelMissing,
            f"no provider for {model} that providers.{self._name}.allowedProviders allows. The server named: "
            f"{', '.join(named[:MAX_LISTED])}. Ask again later, or allow one of these in your own file.",
        )

    def no_session(self, words: str, seconds: float) -> errors.ProviderError:
        """The server did not confirm what it had offered itself."""
        said = plain(words)
        cause = f"confirmed no session within {seconds:g} s"
        if said:
            cause = f'refused the session. It says: "{said}"'
        return self._say(errors.TimedOut, f"the Symmetry server {cause}. Ask again.", detail=said)

    def wrong_topic(self) -> errors.ProviderError:
        """It sent us elsewhere than to the provider it had named."""
        text = "the Symmetry server named one provider and sent to another; nothing went there. Ask again."
        return self._say(errors.BadAnswer, text)

    # -- the provider -----------------------------------------------------------------------------

    def provider_unreachable(self, peer: Peer, seconds: float) -> errors.ProviderError:
        """It is listed, but cannot be connected to."""
        text = f"the provider {who(peer)} could not be reached within {seconds:g} s. {_AGAIN}."
        return self._say(errors.Unreachable, text)

    def provider_closed(self, peer: Peer, *, came: bool) -> errors.ProviderError:
        """The connection ended in the middle."""
        when = "broke the answer off" if came else "closed the connection without an answer"
        return self._say(errors.Interrupted, f"the provider {who(peer)} {when}. {_AGAIN}.")

    def silent(self, peer: Peer, seconds: float, *, came: bool) -> errors.ProviderError:
        """Nothing came for too long. Errors of its model server look like this."""
        did = "stopped sending" if came else "took the question but sent nothing"
        key = "idle" if came else "firstByte"
        return self._say(
            errors.TimedOut,
            f"the provider {who(peer)} {did} for {seconds:g} s. Providers do not pass on what goes wrong at "
            f"their model server. {_AGAIN}; or raise providers.{self._name}.timeouts.{key}.",
        )

    def too_long(self, peer: Peer, seconds: float) -> errors.ProviderError:
        """It went on and on."""
        return self._say(
            errors.TimedOut,
            f"the answer of the provider {who(peer)} was not complete after {seconds:g} s. Ask for less, or "
            f"raise providers.{self._name}.timeouts.total.",
        )

    def empty(self, peer: Peer) -> errors.ProviderError:
        """It ended the answer without a word, as some versions do when their model server fails."""
        return self._say(
            errors.BadAnswer,
            f"the provider {who(peer)} ended its answer without any text; its model server may have failed. "
            f"{_AGAIN}.",
        )

    def complaint(self, peer: Peer, words: str, generation: Generation) -> errors.ProviderError:
        """It said what went wrong, which only some do."""
        said = plain(words, generation)
        quoted = f' It says: "{said.rstrip(". ")}".' if said else ""
        text = f"the provider {who(peer)} reports an error.{quoted} {_AGAIN}."
        return self._say(errors.ServerFailure, text, detail=said)
