// The chat view's page. The model's text is Markdown without HTML, links and images: nothing in it can do anything.
import MarkdownIt from 'markdown-it';
import type { FromPage, ToPage, Turn, View } from '../src/messages';

declare function acquireVsCodeApi(): { postMessage(message: FromPage): void };

const vscode = acquireVsCodeApi();
const markdown = new MarkdownIt({ html: false, linkify: false, typographer: false }).disable([
  'link',
  'image',
  'autolink',
  'reference',
]);

const turns = element('turns');
const question = element('question') as HTMLTextAreaElement;
let view: View = { turns: [], busy: false, about: '' };
let drawing = false;

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(id);
  }
  return found;
}

function made(kind: string, name: string, text = ''): HTMLElement {
  const each = document.createElement(kind);
  each.className = name;
  each.textContent = text;
  return each;
}

/** A message as it is shown. A person's is shown as it was typed. */
function drawn(turn: Turn): HTMLElement {
  const article = made('article', turn.role);
  if (turn.about) {
    article.append(made('p', 'about', turn.about));
  }
  const body = made('div', 'text');
  if (turn.role === 'user') {
    body.textContent = turn.text;
  } else {
    // Safe: with `html: false` all of it is escaped; what markdown-it writes itself is all there is.
    body.innerHTML = markdown.render(turn.text);
    body.querySelectorAll('pre').forEach((block) => block.prepend(buttons(block.textContent ?? '')));
  }
  article.append(body);
  if (turn.note) {
    article.append(made('p', 'note', turn.note));
  }
  return article;
}

function buttons(code: string): HTMLElement {
  const bar = made('div', 'bar');
  for (const [type, label] of [['copy', 'Copy'], ['insert', 'Insert']] as const) {
    const button = made('button', type, label);
    button.addEventListener('click', () => vscode.postMessage({ type, text: code }));
    bar.append(button);
  }
  return bar;
}

/** Draw anew what may have changed: all, or the last message while it comes. At most once a frame. */
function draw(all: boolean): void {
  const atEnd = turns.scrollTop + turns.clientHeight >= turns.scrollHeight - 40;
  const last = view.turns.at(-1);
  if (all) {
    turns.replaceChildren(...view.turns.map(drawn));
  } else if (last && turns.lastElementChild) {
    turns.lastElementChild.replaceWith(drawn(last));
  }
  turns.classList.toggle('busy', view.busy);
  if (all || atEnd) {
    turns.scrollTop = turns.scrollHeight;
  }
  element('stop').hidden = !view.busy;
  element('send').hidden = view.busy;
  element('about').hidden = !view.about;
  element('about').firstElementChild!.textContent = view.about;
}

function send(): void {
  if (!view.busy && question.value.trim()) {
    vscode.postMessage({ type: 'ask', text: question.value });
    question.value = '';
  }
}

window.addEventListener('message', ({ data }: MessageEvent<ToPage>) => {
  if (data.type === 'view') {
    view = data.view;
    draw(true);
  } else if (data.type === 'focus') {
    question.focus();
    vscode.postMessage({ type: 'focused' });
  } else {
    const last = view.turns.at(-1);
    if (last) {
      last.text += data.text;
    }
    if (!drawing) {
      drawing = true;
      requestAnimationFrame(() => {
        drawing = false;
        draw(false);
      });
    }
  }
});
question.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
element('send').addEventListener('click', send);
for (const type of ['stop', 'new', 'forget'] as const) {
  element(type).addEventListener('click', () => vscode.postMessage({ type }));
}
vscode.postMessage({ type: 'ready' });
