/**
 * Whose turn it is to call a service. A service is never sent more calls at once than there are connections
 * to it, so that no call's time runs while it stands in a queue there; those that wait do so here, one line
 * for each consumer, and the lines take turns: who asks much waits behind itself. A service that was not
 * called before is not met with all of that at once, for what comes after an interruption comes together:
 * with each call that ends it gets one more.
 *
 *   take ▶ waiting ▶ calling ▶ answered ▶ held until its own answer is durable ▶ end
 *
 * Answers are counted in bytes. A call is made only where an answer as large as the service's last ones
 * would fit; one that comes and does not fit is dropped.
 */
import { SallyportError } from '@sallyport/shared/errors.ts';
import { createLines, type Lines } from '@sallyport/shared/exchange/lines.ts';
import { limits } from '@sallyport/shared/limits.ts';

export interface Turn {
  /** The answer came. Errors: OVERLOADED where it has no room. */
  answered(bytes: number): void;
  /** The answer is durable, or there is none. */
  end(): void;
}

export interface Turns {
  /** Resolves when the call may be made. `targets`: the service. */
  take(consumer: string, targets: readonly { readonly url: string }[]): Promise<Turn>;
  readonly waiting: number;
}

interface Service {
  readonly connections: number;
  /** How many at once: more with each that ends, until there are as many as connections. */
  callingMax: number;
  calling: number;
  /** What its next answer probably takes: the largest of late, forgotten by and by. */
  answerBytes: number;
  readonly lines: Lines<() => void>;
}

export function createTurns(): Turns {
  const services = new Map<string, Service>();
  let calling = 0;
  let bytes = 0;

  const meet = (name: string, targets: number): Service => {
    const service = serviceOf(targets);
    // Those of policies that are gone are forgotten, some day.
    if (services.size >= limits.upstreamTargetsMax) {
      for (const [old, { calling, lines }] of services) {
        if (calling === 0 && lines.waiting === 0) services.delete(old);
      }
    }
    services.set(name, service);
    return service;
  };
  const fits = (service: Service): boolean =>
    service.calling < service.callingMax &&
    calling < limits.upstreamCallsInFlightMax &&
    bytes + service.answerBytes <= limits.answersBytesMax;

  const goOn = (): void => {
    for (const service of services.values()) {
      while (service.lines.waiting > 0 && fits(service)) service.lines.next()?.();
    }
  };
  const begin = (service: Service): Turn => {
    let held = service.answerBytes;
    let state: 'calling' | 'answered' | 'ended' = 'calling';
    service.calling += 1;
    calling += 1;
    bytes += held;
    const hangUp = (): void => {
      if (state !== 'calling') return;
      service.calling -= 1;
      service.callingMax = Math.min(service.callingMax + 1, service.connections);
      calling -= 1;
    };
    return {
      answered(size) {
        hangUp();
        state = 'answered';
        service.answerBytes = Math.max(size, Math.floor(service.answerBytes * forgetting));
        const room = bytes - held + size <= limits.answersBytesMax;
        bytes += room ? size - held : -held;
        held = room ? size : 0;
        goOn();
        if (!room) throw new SallyportError('OVERLOADED', `no room for an answer of ${size} bytes`);
      },
      end() {
        if (state === 'ended') return;
        hangUp();
        state = 'ended';
        bytes -= held;
        goOn();
      },
    };
  };

  return {
    take(consumer, targets) {
      const name = targets.map(({ url }) => url).join(' ');
      const service = services.get(name) ?? meet(name, targets.length);
      if (service.lines.waiting === 0 && fits(service)) return Promise.resolve(begin(service));
      return new Promise((resolve) => {
        service.lines.join(consumer, () => resolve(begin(service)));
      });
    },
    get waiting() {
      return services.values().reduce((total, { lines }) => total + lines.waiting, 0);
    },
  };
}

const forgetting = 0.9;

const serviceOf = (targets: number): Service => ({
  connections: limits.upstreamConnectionsMax * targets,
  callingMax: limits.upstreamCallsFirst * targets,
  calling: 0,
  answerBytes: limits.answerBytesGuess,
  lines: createLines(),
});
