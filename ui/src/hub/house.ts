// Claim codes, device templates and virtual devices, as the public API has them.
import type { Claim, ClaimWish, NewClaim, Template, Virtual, VirtualWish } from '../model/house';
import type { Json } from '../model/types';
import type { Api } from './api';

const at = encodeURIComponent;

export class HouseApi {
  constructor(readonly api: Api) {}

  claims(): Promise<Claim[]> {
    return this.api.list('/api/claims');
  }

  createClaim(wish: ClaimWish): Promise<NewClaim> {
    return this.api.json('POST', '/api/claims', wish as unknown as Json);
  }

  async removeClaim(id: Claim['id']): Promise<void> {
    await this.api.send('DELETE', `/api/claims/${id}`);
  }

  templates(): Promise<Template[]> {
    return this.api.list('/api/templates');
  }

  /** With what a device has, under its name unless a title is given. */
  async saveTemplate(name: string, device: string, title: string | null): Promise<void> {
    const path = `/api/templates/${at(name)}`;
    const made = await this.api.json<Record<string, Json>>('PUT', `${path}?device=${at(device)}`);
    if (title !== null) await this.api.send('PUT', path, { ...made, title });
  }

  async removeTemplate(name: string): Promise<void> {
    await this.api.send('DELETE', `/api/templates/${at(name)}`);
  }

  async addDevice(
    id: string,
    template: string | null,
    facts: { name?: string; room?: string },
  ): Promise<void> {
    const query = template === null ? '' : `?template=${at(template)}`;
    await this.api.send('PUT', `/api/devices/${at(id)}${query}`, facts as Json);
  }

  virtual(): Promise<Virtual[]> {
    return this.api.list('/api/virtual');
  }

  async saveVirtual(device: string, wish: VirtualWish): Promise<void> {
    await this.api.send('PUT', `/api/virtual/${at(device)}`, wish as unknown as Json);
  }

  async removeVirtual(device: string): Promise<void> {
    await this.api.send('DELETE', `/api/virtual/${at(device)}`);
  }

  async play(device: string, what: 'start' | 'stop'): Promise<void> {
    await this.api.send('POST', `/api/virtual/${at(device)}/${what}`);
  }
}
