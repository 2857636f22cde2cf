import { expect, test } from 'vitest';
import { changesOf } from './edit';

const lamp = { name: 'Lamp', room: 'Kitchen', icon: null };

test('only what was changed is sent', () => {
  expect(changesOf(lamp, { ...lamp, room: 'Hall' })).toEqual({ room: 'Hall' });
  expect(changesOf(lamp, { name: null, room: 'Kitchen', icon: 'lamp' })).toEqual({
    name: null,
    icon: 'lamp',
  });
  expect(changesOf(lamp, { ...lamp })).toEqual({});
});
