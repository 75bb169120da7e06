"""llama.cpp's own HTTP server in a process of its own: the program behind the embedded provider.

It is started as a file (`python -P child.py`), not as a module: the current folder is then
not importable, so nothing in a user's project can stand in for a module of ours, and it needs
nothing of twinny_lsp. It reads one JSON line of orders from standard input (see `Orders`), loads the
model, and writes one JSON line to standard output: `{"address", "control", "pid"}` or
`{"failed": reason, "message"}` with a reason of `FAILURES`. The key is never on the command line.

It never outlives its users: standard input is its starter's lease, each connection to the control
port another one (`_hold`), and the end of the last ends the process. Where the kernel can, it
also kills the process with its parent while nobody else holds a lease (llama.cpp's loading keeps all
Python threads waiting, so on other systems a parent's death in that time counts when it is over).

Not for: HTTP to the model (that is providers/http.py), or deciding when to start and stop.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from typing import NoReturn

FAILURES = ("no-extra", "no-file", "not-gguf", "load-failed")
POLL_SECONDS = 1.0
KEY_LIMIT = 512
HANDSHAKE_SECONDS = 5.0
_LOG_S = 0.5
"""llama.cpp writes its log, which says why it could not load, on a thread of its own."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the starter wants, as it comes in the JSON line.

    `context` and `batch` are tokens; each of the `parallel` slots may use the whole context.
    `parent` is the starter's process id (0: do not watch it). `shared`: open a control port and
    outlive the starter while others hold a lease. `seconds` ends the process after that long (0: never).
    """

    model: str
    key: str
    alias: str = ""
    context: int = 2048
    batch: int = 1024
    parallel: int = 4
    threads: int = 1
    nice: int = 10
    parent: int = 0
    shared: bool = False
    seconds: float = 0.0


class Leases:
    """Counts who still needs the process; the end of the last lease ends the process at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 1  # the starter's
        self._starter = True

    def take(self) -> None:
        """One more user."""
        with self._lock:
            self._held += 1

    def drop(self) -> None:
        """One user less; does not return when it was the last."""
        with self._lock:
            self._held -= 1
            if self._held <= 0:
                # Not sys.exit: native threads may be computing, and there is nothing to save.
                os._exit(0)

    def drop_starter(self) -> None:
        """The starter's lease has two ends (its pipe, its process id); count only one of them."""
        with self._lock:
            first, self._starter = self._starter, False
        if first:
            self.drop()


def _prctl_die_with_parent(number: int) -> None:
    """Ask Linux to send `number` when the parent dies (0: nothing). Elsewhere the pipe has to do."""
    if sys.platform != "linux":
        return
    import ctypes

    try:
        ctypes.CDLL(None).prctl(1, number, 0, 0, 0)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        pass


def _be_modest(nice: int) -> None:
    """Yield the processor to the editor, be the first to go when memory is short, dump no core."""
    try:
        os.nice(nice)
    except (OSError, AttributeError):
        pass
    if sys.platform == "linux":
        try:
            with open("/proc/self/oom_score_adj", "w", encoding="ascii") as adjust:
                adjust.write("500")
        except OSError:
            pass
    if sys.platform != "win32":
        import resource

        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the user's code
        except (OSError, ValueError):
            pass


def _watch_stdin(leases: Leases) -> None:
    while os.read(0, 4096):  # unbuffered: a blocked buffered read would abort the interpreter's exit
        pass
    leases.drop_starter()


def _watch_parent(leases: Leases, parent: int) -> None:
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(POLL_SECONDS)
    leases.drop_starter()


def _hold(connection: socket.socket, key: bytes, leases: Leases) -> None:
    """One client of the control port: the key, a line `ok` back, and a lease until it hangs up."""
    with connection:
        try:
            connection.settimeout(HANDSHAKE_SECONDS)
            said = b""
            while not said.endswith(b"\n") and len(said) < KEY_LIMIT:
                part = connection.recv(KEY_LIMIT)
                if not part:
                    return
                said += part
            if not hmac.compare_digest(said.strip(), key):
                return
            connection.settimeout(None)
        except OSError:
            return
        leases.take()
        try:
            connection.sendall(b"ok\n")
            while connection.recv(64):
                pass
        except OSError:
            pass
    leases.drop()


def _open_control(key: str, leases: Leases) -> int:
    """Listen for further leases on a free loopback port; returns the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_hold, args=(connection, key.encode(), leases), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listener.getsockname()[1])


def _load(orders: Orders) -> tuple[object, str]:
    """Start llama.cpp's server; returns it (it stops when released) and its address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders.model
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [orders.key] if orders.key else []
    params.n_ctx, params.n_batch, params.n_ubatch = orders.context, orders.batch, min(orders.batch, 512)
    # One cache for all slots: two files and two chats keep what was computed of them, and cost no second
    # context in memory.
    params.n_parallel, params.kv_unified = orders.parallel, orders.parallel > 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders.threads
    params.n_gpu_layers, params.fit_params, params.warmup = 0, False, False
    # A chat would otherwise push the completion's prompt out, and each would be computed anew.
    params.cache_idle_slots, params.cache_ram_mib = False, 64
    # What follows a piece that was dropped (the window moved on) is shifted instead of computed anew.
    params.n_cache_reuse = 32
    params.endpoint_slots, params.endpoint_props, params.endpoint_metrics = True, False, False
    params.ui, params.offline, params.verbosity = False, True, 1
    if orders.alias:
        params.model_alias = {orders.alias}
    server = xllamacpp.Server(params)
    return server, str(server.listening_address)


def _say(answer: dict[str, object]) -> None:
    """The one line of answer; afterwards nothing may reach the pipe any more."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _fail(reason: str, message: str) -> NoReturn:
    _say({"failed": reason, "message": message})
    sys.stderr.flush()
    if reason == "load-failed":
        threading.Event().wait(_LOG_S)
    os._exit(1)


def _check_file(path: str) -> tuple[str, str] | None:
    """A reason and words when `path` cannot be a model; llama.cpp's own message would not tell."""
    try:
        with open(path, "rb") as model:
            if model.read(4) != b"GGUF":
                return "not-gguf", "the file does not begin as a GGUF model does"
    except OSError as error:
        return "no-file", error.strerror or type(error).__name__
    return None


def main() -> NoReturn:
    """Read the orders, serve until the last lease ends."""
    orders = Orders(**json.loads(sys.stdin.buffer.readline()))
    leases = Leases()
    if orders.parent:
        if sys.platform != "win32":
            _prctl_die_with_parent(signal.SIGKILL)
        if sys.platform != "win32" and os.getppid() != orders.parent:
            os._exit(0)  # it died before it could be watched
    _be_modest(orders.nice)
    threading.Thread(target=_watch_stdin, args=(leases,), daemon=True).start()
    if orders.parent and sys.platform != "win32":
        threading.Thread(target=_watch_parent, args=(leases, orders.parent), daemon=True).start()
    if (wrong := _check_file(orders.model)) is not None:
        _fail(*wrong)
    try:
        server, address = _load(orders)
    except ModuleNotFoundError as error:
        _fail("no-extra", f"{type(error).__name__}: {error}")
    except ImportError as error:
        _fail("no-library", str(error))
    except Exception as error:  # whatever the native code raises, the starter must hear of it
        _fail("load-failed", str(error))
    control = 0
    if orders.shared:
        control = _open_control(orders.key, leases)
        _prctl_die_with_parent(0)
    _say({"address": address, "control": control, "pid": os.getpid()})
    threading.Event().wait(orders.seconds or None)
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
