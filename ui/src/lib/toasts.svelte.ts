// Short notices of something done. A failure belongs beside its cause, not here.

export interface Notice {
  id: number;
  text: string;
}

const SHOWN_MS = 4_000;
const NOTICES_MAX = 3;

class Toasts {
  notices: Notice[] = $state.raw([]);
  #next = 1;

  show(text: string): void {
    const notice = { id: this.#next++, text };
    this.notices = [...this.notices, notice].slice(-NOTICES_MAX);
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS);
  }

  clear(): void {
    this.notices = [];
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }
}

export const toasts = new Toasts();
