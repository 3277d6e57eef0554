/** What the mask and package benches say in RESULTS.md, line by line. */
import type { MaskReport } from './mask.ts';
import type { PackageReport, StreamFigures } from './package.ts';
import { ranOn, table } from './table.ts';

export function maskSection(report: MaskReport): string[] {
  return [
    ranOn(report),
    '- Documents: pages of the citizen registry under its sample policy, for the health office.',
    '- release: masked at the inner node; verify: what came of it, proven at the outer node.',
    '- Straight: one pass over the bytes. Slow: strict parse, compiled walk, write.',
    '- Baseline: `JSON.parse` and `JSON.stringify` of the same bytes, from and to a buffer.',
    '- Without the detectors of the second net.',
    `- ${report.rounds} rounds of ${report.seconds} s each; MB/s of the document by CPU time.`,
    '',
    ...table(
      ['document', 'bytes', 'work', 'MB/s', 'CPU µs', 'ratio'],
      report.figures.flatMap(({ mode, documentBytes, works }) =>
        Object.entries(works).map(([work, { mbPerSec, cpuUsPerDocument, ratio }]) => [
          mode,
          documentBytes,
          work,
          Math.round(mbPerSec),
          cpuUsPerDocument.toFixed(1),
          ratio.toFixed(2),
        ]),
      ),
    ),
    '',
    'Answers as other services write them, by whichever path takes them:',
    '',
    ...table(
      ['spelling', 'bytes', 'path', 'MB/s', 'CPU µs', 'ratio'],
      report.spellings.map(({ spelling, documentBytes, path, work }) => [
        spelling,
        documentBytes,
        path,
        Math.round(work.mbPerSec),
        work.cpuUsPerDocument.toFixed(1),
        work.ratio.toFixed(2),
      ]),
    ),
    '',
    'What is left: the straight path (docs/decisions/0012-straight-path.md) passes each byte twice, and',
    'copies what crosses once more. It takes answers that fit, in nearly every spelling. The slow path is',
    'for those with files, with ASCII letters of names as escapes, or with objects of more than 64 names',
    'that the schema has not, and for every refusal; the straight path has passed these in vain before. Nor',
    'is it tried with more than 1 MiB or under masks that encrypt. The slow path reads by the bytes too, and',
    'only what may cross: what it costs is the values, the walk, and writing what is left. An order of',
    'members that is another in each object is known to neither.',
  ];
}

export function packageSection(report: PackageReport): string[] {
  const { seal, open, baseline, write, batch } = report;
  return [
    ranOn(report),
    `- ${report.bytes} bytes in one message, into a file and out of it; ${report.rounds} rounds.`,
    '- Baseline: AES-256-GCM and SHA-256 of the same bytes, from memory in pieces of 1 MiB.',
    '- Each work is a process of its own. CPU by the kernel, all threads; peak is VmHWM.',
    '',
    ...table(
      ['work', 'MB/s', 'CPU s', 'MB per CPU s', 'CPU for that of the baseline', 'peak MB'],
      [
        ['seal', ...streamCells(report.bytes, seal)],
        ['open', ...streamCells(report.bytes, open)],
        ['baseline', ...streamCells(report.bytes, baseline)],
        ['plain write', ...streamCells(report.bytes, write)],
      ],
    ),
    '',
    `A batch of 64 messages of 1 KiB, without the HSM: ${Math.round(batch.sealUs)} µs CPU to seal,`,
    `${Math.round(batch.openUs)} µs to open.`,
    '',
    'What is left: each byte is hashed twice, in its message (the proof of one message) and in its',
    'segment (so that nothing is decrypted that the sender did not sign); opening reads the file',
    'twice, because all of it is verified before the first key is derived. Sealing also pays for the',
    'plain write, in parallel, and cannot be faster than disk and kernel: where the plain write is the',
    'slowest row, it decides (`TMPDIR=/dev/shm` measures without a disk). Memory is Node itself and',
    'three segments of 8 MiB; the peak of the baseline is ciphertext that waits for the garbage',
    'collector.',
  ];
}

function streamCells(bytes: number, figures: StreamFigures): (string | number)[] {
  return [
    Math.round(figures.mbPerSec),
    figures.cpuSec.toFixed(2),
    Math.round(bytes / 1e6 / figures.cpuSec),
    figures.cpuRatio.toFixed(2),
    Math.round(figures.peakRssBytes / 1e6),
  ];
}
