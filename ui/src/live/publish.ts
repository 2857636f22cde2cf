// What is typed into the publish box, as what goes to the hub: checked here, so that a slip is told beside the field.
import { Problem, type Api } from '../hub/api';
import { l } from '../strings.live';
import { bytesOfHex, bytesOfText } from './bytes';
import type { Mode } from './published';

/** What an HTTP body and a value may have; larger ones are no matter of hands. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;

const TOPIC_BYTES_MAX = 4_096;

/** What is wrong with a topic to publish to, or null. */
export function topicProblem(topic: string): string | null {
  if (topic === '') return l.publish.noTopic;
  if (/[+#\u0000]/.test(topic) || topic.startsWith('$') || bytesOfText(topic).length > TOPIC_BYTES_MAX)
    return l.publish.badTopic;
  // An address loses such levels before it leaves the browser.
  if (topic.split('/').some((level) => level === '.' || level === '..')) return l.publish.dots;
  return null;
}

export type Payload = { bytes: Uint8Array<ArrayBuffer> } | { problem: string };

export function payloadOf(text: string, mode: Mode): Payload {
  let bytes: Uint8Array<ArrayBuffer> | null;
  if (mode === 'hex') {
    bytes = bytesOfHex(text);
    if (bytes === null) return { problem: l.publish.badHex };
  } else {
    if (mode === 'json') {
      try {
        JSON.parse(text);
      } catch (error) {
        return { problem: l.publish.badJson(error instanceof Error ? error.message : String(error)) };
      }
    }
    bytes = bytesOfText(text);
  }
  return bytes.length > PAYLOAD_BYTES_MAX ? { problem: l.publish.tooLong(PAYLOAD_BYTES_MAX) } : { bytes };
}

export function topicPath(topic: string): string {
  return `/api/topics/${topic.split('/').map(encodeURIComponent).join('/')}`;
}

export async function publish(
  api: Api,
  topic: string,
  bytes: Uint8Array<ArrayBuffer>,
  { qos, retain }: { qos: 0 | 1 | 2; retain: boolean },
): Promise<void> {
  await api.send(retain ? 'PUT' : 'POST', `${topicPath(topic)}?qos=${qos}`, bytes);
}

/** Succeeds as well when there was nothing to delete. */
export async function clearRetained(api: Api, topic: string): Promise<void> {
  try {
    await api.send('DELETE', topicPath(topic));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
  }
}
