// Firmware, backups, logs and limits, as the public API has them. Files are told of as they go: how much of them is there.
import type {
  FirmwareFile,
  Level,
  LogLine,
  Rollout,
  RolloutDetails,
  RolloutWish,
  Staged,
} from '../model/system';
import type { Json } from '../model/types';
import { Problem, type Api } from './api';

const at = encodeURIComponent;

export type Progress = (sent: number, all: number) => void;

export class SystemApi {
  constructor(readonly api: Api) {}

  firmware(): Promise<FirmwareFile[]> {
    return this.api.list('/api/firmware');
  }

  async removeFirmware(name: string, version: string): Promise<void> {
    await this.api.send('DELETE', `/api/firmware/${at(name)}/${at(version)}`);
  }

  uploadFirmware(
    { name, version, note }: { name: string; version: string; note: string },
    file: Blob,
    told: Progress,
    broke: string,
  ): Promise<void> {
    const query = note === '' ? '' : `?note=${at(note)}`;
    return upload('PUT', `/api/firmware/${at(name)}/${at(version)}${query}`, file, told, broke).then(
      () => {},
    );
  }

  rollouts(): Promise<Rollout[]> {
    return this.api.list('/api/rollouts');
  }

  rollout(name: string): Promise<RolloutDetails> {
    return this.api.json('GET', `/api/rollouts/${at(name)}`);
  }

  putRollout(name: string, wish: RolloutWish): Promise<RolloutDetails> {
    return this.api.json('PUT', `/api/rollouts/${at(name)}`, wish as unknown as Json);
  }

  async removeRollout(name: string): Promise<void> {
    await this.api.send('DELETE', `/api/rollouts/${at(name)}`);
  }

  async metrics(): Promise<string> {
    return (await this.api.send('GET', '/api/metrics')).text();
  }

  /** What waits to be restored; `staged` is false where nothing does. */
  async staged(): Promise<Staged> {
    try {
      return await this.api.json<Staged>('GET', '/api/backup/restore');
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return { staged: false };
      throw error;
    }
  }

  async stage(file: Blob, told: Progress, broke: string): Promise<Staged> {
    return JSON.parse(await upload('POST', '/api/backup/restore', file, told, broke)) as Staged;
  }

  async unstage(): Promise<void> {
    await this.api.send('DELETE', '/api/backup/restore');
  }

  /** false where the hub cannot do that itself. */
  async restart(): Promise<boolean> {
    try {
      await this.api.send('POST', '/api/hub/restart');
      return true;
    } catch (error) {
      if (error instanceof Problem && [404, 405, 409, 501].includes(error.status)) return false;
      throw error;
    }
  }

  logs(level: Level, after: number, limit: number): Promise<{ lines: LogLine[]; next: number }> {
    return this.api.json('GET', `/api/logs?level=${level}&after=${after}&limit=${limit}`);
  }
}

/** Sends a file and says how much of it is there; what the hub answered. `fetch` cannot tell. */
function upload(method: string, url: string, file: Blob, told: Progress, broke: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.upload.onprogress = ({ loaded, total }) => told(loaded, total);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return resolve(request.responseText);
      let detail = broke;
      let code = String(request.status);
      try {
        const body = JSON.parse(request.responseText) as { detail?: unknown; code?: unknown };
        if (typeof body.detail === 'string') detail = body.detail;
        if (typeof body.code === 'string') code = body.code;
      } catch {
        // Not a problem document: what is said of a file that did not arrive has to do.
      }
      reject(new Problem(detail, request.status, code));
    };
    request.onerror = () => reject(new Problem(broke, 0, 'network'));
    request.onabort = request.onerror;
    request.send(file);
  });
}

/** Beyond this a browser is not the way; in bytes. */
export const DOWNLOAD_BYTES_MAX = 1024 * 1024 * 1024;

/** Fetches a file piece by piece and says how much is there; null where it is larger than what a browser should hold. */
export async function fetchFile(
  url: string,
  told: (bytes: number) => void,
  signal: AbortSignal,
  broke: string,
): Promise<{ name: string; blob: Blob } | null> {
  const response = await fetch(url, { signal, cache: 'no-store' }).catch(() => {
    throw new Problem(broke, 0, 'network');
  });
  if (!response.ok || response.body === null) {
    const body = (await response.json().catch(() => ({}))) as { detail?: string; code?: string };
    throw new Problem(body.detail ?? broke, response.status, body.code ?? String(response.status));
  }
  const name = /filename="([^"/\\]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1];
  const parts: Uint8Array[] = [];
  const reader = response.body.getReader();
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      bytes += value.length;
      if (bytes > DOWNLOAD_BYTES_MAX) {
        await reader.cancel();
        return null;
      }
      told(bytes);
    }
  } catch {
    throw new Problem(broke, 0, 'network');
  }
  const stamp = new Date().toISOString().slice(0, 16).replace(/[:T]/g, '-');
  return { name: name ?? `housewire-${stamp}.backup`, blob: new Blob(parts as BlobPart[]) };
}
