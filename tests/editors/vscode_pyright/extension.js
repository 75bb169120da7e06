// For tests only: pyright's language server, found on PATH, beside ours in the files of one folder.
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

let client;

exports.activate = async () => {
  const server = { command: 'pyright-langserver', transport: TransportKind.stdio };
  client = new LanguageClient('pyright', 'pyright', server, { documentSelector: [{ pattern: '**/beside/*.py' }] });
  await client.start();
};

exports.deactivate = () => client?.stop();
