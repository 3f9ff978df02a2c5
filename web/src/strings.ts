/** The widget's own words, in the languages it speaks. */

import de from './strings/de';
import en, { type Strings } from './strings/en';
import es from './strings/es';
import fr from './strings/fr';

export type { Strings };

const tables: Record<string, Strings> = { de, en, es, fr };

/** The first of some languages (BCP 47) that the widget speaks; else English. */
export function choose(...languages: (string | null | undefined)[]): { language: string; strings: Strings } {
  for (const wanted of languages) {
    const language = wanted?.toLowerCase().split('-')[0] ?? '';
    if (Object.hasOwn(tables, language)) return { language, strings: tables[language]! };
  }
  return { language: 'en', strings: en };
}

/** Puts values into the places of a string, such as {time}. */
export function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place);
}
