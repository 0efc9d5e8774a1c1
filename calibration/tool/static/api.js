// Asking the server. Every answer of an action is the page's whole state, or its draft.

const camera = document.body.dataset.camera;
export const base = `/cameras/${encodeURIComponent(camera)}`;
const api = `/api/cameras/${encodeURIComponent(camera)}`;

export class Refused extends Error {
  constructor(words, status) {
    super(words);
    this.status = status;
  }
}

export async function ask(name = "", body = undefined) {
  let answer;
  try {
    answer = await fetch(name ? `${api}/${name}` : api, {
      method: body === undefined ? "GET" : "POST",
      headers: body === undefined ? {} : { "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused("The tool does not answer: is it still running, and are you in the store's network? Your work is kept.", 0);
  }
  if (answer.ok) return answer.json();
  let words = `The tool answered ${answer.status}.`;
  try {
    words = (await answer.json()).error ?? words;
  } catch {
    if (answer.status === 401) words = "The tool was started again. Open its newest link; your work is kept.";
  }
  throw new Refused(words, answer.status);
}

// Sends edits in order, one at a time. In a drag only the newest place counts.
export class Edits {
  constructor(revision, show, fail) {
    this.revision = revision;
    this.show = show;
    this.fail = fail;
    this.waiting = [];
    this.isBusy = false;
  }

  send(edit, isLast) {
    if (this.waiting.length && !this.waiting.at(-1).isLast) this.waiting.pop();
    this.waiting.push({ edit, isLast });
    if (!this.isBusy) this.running = this.run();
  }

  idle() {
    return this.running;
  }

  async run() {
    this.isBusy = true;
    try {
      let revision = this.revision();
      while (this.waiting.length) {
        const { edit, isLast } = this.waiting.shift();
        const { draft } = await ask("edit", { revision, edit, is_last: isLast });
        revision = draft.revision;
        if (!this.waiting.length) this.show(draft); // else a handle would jump back on its way
      }
    } catch (error) {
      this.waiting = [];
      this.fail(error);
    } finally {
      this.isBusy = false;
    }
  }
}
