// The accounts side of the public API: who is signed in, people, tokens, certificates, the audit log.
import type { Json } from '../model/types';
import type {
  ApiKey,
  AuditEntry,
  NewApiKey,
  NewCertificate,
  NewToken,
  Person,
  PersonChange,
  Session,
  Token,
  WebSession,
} from '../model/account';
import type { TlsView } from '../model/tls';
import type { Api } from './api';

const at = encodeURIComponent;

export interface AuditQuery {
  before?: number;
  event?: string;
  who?: string;
  limit?: number;
}

/** What an app may do: a role's rights, or filters of its own. */
export interface AppToken {
  name: string;
  role?: string;
  read?: string[];
  write?: string[];
  deny?: string[];
  expires?: string;
}

export class Accounts {
  constructor(readonly api: Api) {}

  session(): Promise<Session> {
    return this.api.json('GET', '/api/session');
  }

  signIn(name: string, password: string): Promise<Session> {
    return this.api.json('POST', '/api/session', { name, password });
  }

  async signOut(): Promise<void> {
    await this.api.send('DELETE', '/api/session');
  }

  setup(key: string | null, name: string, password: string): Promise<Session> {
    return this.api.json('POST', '/api/setup', { ...(key === null ? {} : { key }), name, password });
  }

  async changePassword(old: string, password: string): Promise<void> {
    await this.api.send('POST', '/api/password', { old, new: password });
  }

  sessions(): Promise<WebSession[]> {
    return this.api.list('/api/sessions');
  }

  async endSession(id: number): Promise<void> {
    await this.api.send('DELETE', `/api/sessions/${id}`);
  }

  people(): Promise<Person[]> {
    return this.api.list('/api/users');
  }

  async addPerson(person: PersonChange & { name: string; password: string; role: string }): Promise<void> {
    await this.api.send('POST', '/api/users', person as unknown as Json);
  }

  async changePerson(name: string, change: PersonChange): Promise<void> {
    await this.api.send('PATCH', `/api/users/${at(name)}`, change as unknown as Json);
  }

  async removePerson(name: string): Promise<void> {
    await this.api.send('DELETE', `/api/users/${at(name)}`);
  }

  tokens(device?: string): Promise<Token[]> {
    return this.api.list(`/api/tokens${device === undefined ? '' : `?device=${at(device)}`}`);
  }

  createAppToken(token: AppToken): Promise<NewToken> {
    return this.api.json('POST', '/api/tokens', token as unknown as Json);
  }

  createDeviceToken(device: string, name: string, expires: string | null): Promise<NewToken> {
    const body = { ...(name === '' ? {} : { name }), ...(expires === null ? {} : { expires }) };
    return this.api.json('POST', `/api/devices/${at(device)}/token`, body);
  }

  createCertificate(device: string): Promise<NewCertificate> {
    return this.api.json('POST', `/api/devices/${at(device)}/certificate`, {});
  }

  async revoke(id: number): Promise<void> {
    await this.api.send('DELETE', `/api/tokens/${id}`);
  }

  keys(): Promise<ApiKey[]> {
    return this.api.list('/api/keys');
  }

  createKey(name: string): Promise<NewApiKey> {
    return this.api.json('POST', '/api/keys', { name });
  }

  async switchKey(id: number, enabled: boolean): Promise<void> {
    await this.api.send('PATCH', `/api/keys/${id}`, { enabled });
  }

  async deleteKey(id: number): Promise<void> {
    await this.api.send('DELETE', `/api/keys/${id}`);
  }

  audit(query: AuditQuery): Promise<AuditEntry[]> {
    const words = Object.entries(query)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([key, value]) => `${key}=${at(String(value))}`);
    // One page of it: the log is longer than anybody reads.
    return this.api.json('GET', `/api/audit?${words.join('&')}`);
  }

  tls(): Promise<TlsView> {
    return this.api.json('GET', '/api/tls');
  }
}
