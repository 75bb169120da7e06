// Where the server is, and whether it is new enough.
import { accessSync, constants, statSync } from 'node:fs';
import { homedir } from 'node:os';
import * as path from 'node:path';

/** The oldest server this extension works with. */
export const OLDEST = '0.1.0';

/** The file of a program, looked for as a shell does and where pipx and uv put programs; undefined if there is none. */
export function findProgram(command: string): string | undefined {
  const written = command.startsWith('~/') ? path.join(homedir(), command.slice(2)) : command;
  const named = path.isAbsolute(written);
  // A path from the current folder on would be in the project: anybody's.
  if (!named && path.basename(written) !== written) {
    return undefined;
  }
  // VS Code that was not started from a shell may not have that folder on its PATH.
  const places = [...(process.env['PATH'] ?? '').split(path.delimiter), path.join(homedir(), '.local', 'bin')];
  const folders = named ? [''] : places.filter((folder) => path.isAbsolute(folder));
  const endings = process.platform === 'win32' ? ['.exe', ''] : [''];
  return folders
    .flatMap((folder) => endings.map((ending) => path.join(folder, written + ending)))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Whether a version is OLDEST or newer; a version that cannot be read is not. */
export function isNewEnough(version: string | undefined): boolean {
  const [have, want] = [numbers(version ?? ''), numbers(OLDEST)];
  for (const [at, least] of want.entries()) {
    const part = have[at] ?? -1;
    if (part !== least) {
      return part > least;
    }
  }
  return true;
}

function numbers(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '').split('.').filter(Boolean).map(Number);
}
