/**
 * Prepared statements, kept for the life of the store, whose failures carry our codes.
 *
 * With `ORDER BY`, SQLite plans by the value that a column is compared to, and plans anew each time another
 * is bound (and the rows' constructor is compiled anew): `lane = +?` tells it not to. It matters for what
 * runs with each package.
 */
import type Database from 'better-sqlite3';
import { SallyportError } from '../../errors.ts';
import { type OnDamage, toldFault } from './fault.ts';

export type Value = string | number | Uint8Array | null;

export interface Statements {
  /** A change. Only inside a work of `write`: INTERNAL outside. Returns how many rows it touched. */
  change(sql: string): (...values: Value[]) => number;
  one<Row>(sql: string): (...values: Value[]) => Row | undefined;
  all<Row>(sql: string): (...values: Value[]) => Row[];
}

export function createStatements(db: Database.Database, onDamage: OnDamage): Statements {
  const coded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (thrown) {
      throw toldFault(thrown, onDamage);
    }
  };
  return {
    change(sql) {
      const statement = db.prepare<Value[]>(sql);
      return (...values) => {
        if (!db.inTransaction) {
          throw new SallyportError(
            'INTERNAL',
            'expected a change inside its work, got one outside',
          );
        }
        return coded(() => statement.run(...values).changes);
      };
    },
    one<Row>(sql: string) {
      const statement = db.prepare<Value[], Row>(sql);
      return (...values) => coded(() => statement.get(...values));
    },
    all<Row>(sql: string) {
      const statement = db.prepare<Value[], Row>(sql);
      return (...values) => coded(() => statement.all(...values));
    },
  };
}
