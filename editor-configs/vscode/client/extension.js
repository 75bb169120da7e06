// The least that VS Code needs to run twinny-lsp: start it, and leave the rest to the protocol.
const vscode = require('vscode');
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

let client;

exports.activate = async function activate() {
  const command = vscode.workspace.getConfiguration('twinny-lsp-client').get('command');
  client = new LanguageClient(
    'twinny-lsp',
    'twinny-lsp',
    { command, args: [], transport: TransportKind.stdio },
    {
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }],
      middleware: {
        workspace: {
          // Only what stands in the user's own settings: a repository's could name an address to send code to.
          configuration: ({ items }) =>
            items.map(({ section }) => vscode.workspace.getConfiguration().inspect(section)?.globalValue ?? null),
          didChangeConfiguration: () =>
            client.sendNotification('workspace/didChangeConfiguration', { settings: null }),
        },
      },
    },
  );
  await client.start();
};

exports.deactivate = () => client && client.stop();
