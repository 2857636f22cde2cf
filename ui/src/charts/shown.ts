// What a chart shows of a property.
import type { PropertyMeta } from '../model/types';

/** A property as the chart needs it. */
export interface Shown {
  /** `device/property`. */
  key: string;
  name: string;
  meta: PropertyMeta;
  decimals: number;
  href?: string;
}
