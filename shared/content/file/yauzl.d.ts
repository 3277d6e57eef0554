/** The part of yauzl that we use; the package brings no types. */
declare module 'yauzl' {
  export interface Entry {
    readonly fileName: string;
    readonly fileNameRaw: Buffer;
    readonly generalPurposeBitFlag: number;
    readonly compressedSize: number;
    readonly uncompressedSize: number;
    readonly compressionMethod: number;
    readonly externalFileAttributes: number;
    readonly relativeOffsetOfLocalHeader: number;
    readonly crc32: number;
    readonly fileNameLength: number;
    readonly extraFieldLength: number;
    readonly fileCommentLength: number;
    isEncrypted(): boolean;
  }
  export interface ZipFile {
    eachEntry(): AsyncIterable<Entry>;
  }
  export function fromBufferPromise(
    buffer: Buffer,
    options: { readonly strictFileNames: true },
  ): Promise<ZipFile>;
}
