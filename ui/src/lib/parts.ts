// Parts of the page that most visits never need, each in a bundle that is fetched when it is.
import type { Component } from 'svelte';
import type { DeviceCell, PropertyCell } from '../hub/device.svelte';

/** What each part is given; nothing, for most. */
export interface Given {
  Announce: { device: string };
  DeleteDevice: { device: DeviceCell; onclose: () => void };
  DeviceAccess: { device: string };
  EditDevice: { device: DeviceCell; onclose: () => void };
  Presence: { device: string };
  DashboardPage: { id: string };
  AddDevice: { onclose: () => void };
  AddToDashboard: { device: string; onclose: () => void };
  PropertyHistory: { property: PropertyCell };
}

const admin = () => import('../admin');
const charts = () => import('../charts');
const connect = () => import('../connect');
const dashboards = () => import('../dashboards');
const device = () => import('../device');
const found = () => import('../found');
const live = () => import('../live');
const notifications = () => import('../notifications');
const system = () => import('../system');

const LOADERS = {
  Account: () => admin().then((all) => all.Account),
  AddDevice: () => admin().then((all) => all.AddDevice),
  AddToDashboard: () => dashboards().then((all) => all.AddToDashboard),
  Backup: () => system().then((all) => all.Backup),
  ConnectPage: () => connect().then((all) => all.ConnectPage),
  DashboardPage: () => dashboards().then((all) => all.DashboardPage),
  DashboardsPage: () => dashboards().then((all) => all.DashboardsPage),
  General: () => system().then((all) => all.General),
  Firmware: () => system().then((all) => all.Firmware),
  Limits: () => system().then((all) => all.Limits),
  LivePage: () => live().then((all) => all.LivePage),
  Logs: () => system().then((all) => all.Logs),
  Setup: () => import('../pages/Setup.svelte').then((all) => all.default),
  Trust: () => import('../pages/Trust.svelte').then((all) => all.default),
  SharePage: () => dashboards().then((all) => all.SharePage),
  WirePage: () => live().then((all) => all.WirePage),
  Announce: () => device().then((all) => all.Announce),
  Audit: () => admin().then((all) => all.Audit),
  DeleteDevice: () => device().then((all) => all.DeleteDevice),
  DeviceAccess: () => admin().then((all) => all.DeviceAccess),
  EditDevice: () => device().then((all) => all.EditDevice),
  Guest: () => admin().then((all) => all.Guest),
  People: () => admin().then((all) => all.People),
  Templates: () => admin().then((all) => all.Templates),
  Tls: () => admin().then((all) => all.Tls),
  Tokens: () => admin().then((all) => all.Tokens),
  TrustSteps: () => admin().then((all) => all.TrustSteps),
  Virtual: () => admin().then((all) => all.Virtual),
  Discovery: () => found().then((all) => all.Discovery),
  NotificationsPage: () => notifications().then((all) => all.NotificationsPage),
  FoundPage: () => found().then((all) => all.FoundPage),
  HistoryPage: () => charts().then((all) => all.HistoryPage),
  PropertyHistory: () => charts().then((all) => all.PropertyHistory),
  Presence: () => device().then((all) => all.Presence),
  Wear: () => charts().then((all) => all.Wear),
};

export type Part = keyof typeof LOADERS;
export type GivenTo<Name extends Part> = Name extends keyof Given ? Given[Name] : Record<string, never>;

export function load<Name extends Part>(part: Name): Promise<Component<GivenTo<Name>>> {
  return LOADERS[part]() as unknown as Promise<Component<GivenTo<Name>>>;
}
