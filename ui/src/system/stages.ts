// How far a device is, in colours; the word beside it says the same.
import type { Stage } from '../model/system';

export const TONES: Record<Stage, 'neutral' | 'ok' | 'warn' | 'bad' | 'accent'> = {
  waiting: 'neutral',
  offered: 'neutral',
  downloading: 'accent',
  done: 'ok',
  failed: 'bad',
};
