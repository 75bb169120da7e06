"""Chat with your model: `python chat.py why is the sky blue`. Ctrl-C stops the answer."""

import json
import signal
import sys
from subprocess import PIPE, Popen

server = Popen(["twinny-lsp"], stdin=PIPE, stdout=PIPE, start_new_session=True)


def send(method, params, **more):
    body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def ask(id, method, params):  # and print what the model says meanwhile
    send(method, params, id=id)
    while head := server.stdout.readline() + server.stdout.readline():  # Content-Length: 38, and a blank line
        message = json.loads(server.stdout.read(int(head.split()[1])))
        if message.get("method") == "twinny-lsp/chatDelta":
            print(message["params"]["text"], end="", flush=True)
        elif message.get("id") == id and "method" not in message:
            return message
    sys.exit("twinny-lsp has ended")


features = {"experimental": {"twinny-lsp": {"chatDelta": True}}}
ask(1, "initialize", {"processId": None, "rootUri": None, "capabilities": features})
send("initialized", {})
signal.signal(signal.SIGINT, lambda *_: send("$/cancelRequest", {"id": 2}))
chat = {"prompt": " ".join(sys.argv[1:]), "stream": True}
told = ask(2, "workspace/executeCommand", {"command": "twinny-lsp.chat", "arguments": [chat]})
end = told["error"]["message"] if "error" in told else told["result"]["finishReason"]
print(f"\n({end})")
ask(3, "shutdown", None)
send("exit", None)
sys.exit("error" in told)
