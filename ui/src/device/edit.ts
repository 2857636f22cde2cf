// What somebody changed of a device: only that is sent, so that nobody undoes what another changed meanwhile.

export interface Edited {
  name: string | null;
  room: string | null;
  icon: string | null;
}

export function changesOf(before: Edited, after: Edited): Partial<Edited> {
  const keys = ['name', 'room', 'icon'] as const;
  return Object.fromEntries(keys.filter((key) => after[key] !== before[key]).map((key) => [key, after[key]]));
}
