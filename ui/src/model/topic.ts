// Topics below `devices/`: which of them mean something to the page. Any other topic is a plain
// topic and none of the page's business.

export type DeviceTopic =
  | { kind: 'report' | 'request' | 'target'; device: string; property: string }
  | { kind: 'online' | 'rejected' | 'changed'; device: string };

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const RESERVED = new Set(['set', 'target']);

const SPECIAL: Record<string, 'online' | 'rejected' | 'changed'> = {
  $online: 'online',
  $rejected: 'rejected',
  $changed: 'changed',
};

/** True for what may be a device id or a property name. */
export function isName(text: string): boolean {
  return NAME.test(text);
}

export function parseTopic(topic: string): DeviceTopic | null {
  const levels = topic.split('/');
  const [root, device, name, verb] = levels;
  if (root !== 'devices' || device === undefined || name === undefined) return null;
  if (levels.length > 4 || !isName(device)) return null;

  const special = SPECIAL[name];
  if (special !== undefined) return verb === undefined ? { kind: special, device } : null;

  if (!isName(name) || RESERVED.has(name)) return null;
  if (verb === undefined) return { kind: 'report', device, property: name };
  if (verb === 'set') return { kind: 'request', device, property: name };
  if (verb === 'target') return { kind: 'target', device, property: name };
  return null;
}
