import type avro from "avsc";
import { rabin } from "./fingerprint.ts";
import type { Message, MessageOf, MessageType } from "./messages.ts";
import { MESSAGE_TYPES } from "./messages.ts";
import { canonical, compile, type NamedSchema, readHistory, readSchemas } from "./schemas.ts";

/**
 * Records travel in Avro's single-object encoding: C3 01, the writer schema's fingerprint (8 bytes, little-endian),
 * the binary body. A reader finds the writer's schema by its fingerprint among all that were ever released.
 */
const MARKER = Buffer.from([0xc3, 0x01]);
const HEADER_BYTES = 10;

interface Writer {
  type: avro.Type;
  header: Buffer;
}

interface Reader {
  name: MessageType;
  type: avro.Type;
  resolver: ReturnType<avro.Type["createResolver"]> | undefined;
}

/** A stored record that no schema known here reads. */
export class UnreadableRecord extends Error {
  override readonly name = "UnreadableRecord";
}

/** What a release writes and reads. */
export interface Codec {
  /** Encodes a message with its current schema. @throws Error when it does not fit its schema. */
  encode(message: Message): Buffer;
  /** Decodes a stored record, whichever release wrote it. @throws UnreadableRecord */
  decode(bytes: Uint8Array): Message;
  writers: ReadonlyMap<string, Writer>;
}

/** The codec of a release: it writes with these schemas, and reads whatever was written with these or with history's. */
export function codecOf(
  schemas: ReadonlyMap<string, NamedSchema>,
  history: readonly { name: string; schema: NamedSchema }[],
): Codec {
  const current = compile(schemas);
  const writers = new Map<string, Writer>();
  const readers = new Map<string, Reader>();
  for (const name of MESSAGE_TYPES) {
    const type = current.get(name);
    if (type === undefined) throw new Error(`no schema for ${name}: see libs/contracts/schemas`);
    const fingerprint = rabin(canonical(type));
    writers.set(name, { type, header: Buffer.concat([MARKER, fingerprint]) });
    readers.set(fingerprint.toString("hex"), { name, type, resolver: undefined });
  }
  for (const { name, schema } of history) {
    const reader = MESSAGE_TYPES.find((known) => known === name);
    const type = reader === undefined ? undefined : current.get(reader);
    const written = compile(new Map([[schema.name, schema]])).get(schema.name);
    if (reader === undefined || type === undefined || written === undefined) continue;
    const key = rabin(canonical(written)).toString("hex");
    if (!readers.has(key)) readers.set(key, { name: reader, type, resolver: type.createResolver(written) });
  }
  return {
    encode: (message) => encodeWith(writers, message),
    decode: (bytes) => decodeWith(readers, bytes),
    writers,
  };
}

function encodeWith(writers: ReadonlyMap<string, Writer>, message: Message): Buffer {
  const writer = writers.get(message.type);
  if (writer === undefined) throw new Error(`not a message type: ${message.type}`);
  return Buffer.concat([writer.header, writer.type.toBuffer(message)]);
}

function decodeWith(readers: ReadonlyMap<string, Reader>, bytes: Uint8Array): Message {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < HEADER_BYTES || buffer[0] !== MARKER[0] || buffer[1] !== MARKER[1]) {
    throw new UnreadableRecord("not an Avro single-object record");
  }
  const fingerprint = buffer.toString("hex", 2, HEADER_BYTES);
  const reader = readers.get(fingerprint);
  if (reader === undefined)
    throw new UnreadableRecord(`written with an unknown schema (fingerprint ${fingerprint})`);
  try {
    const value: object = reader.type.fromBuffer(buffer.subarray(HEADER_BYTES), reader.resolver);
    return Object.assign(value, { type: reader.name }) as Message;
  } catch (error) {
    throw new UnreadableRecord(`${reader.name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The codec of this release. */
const { encode, decode, writers } = codecOf(readSchemas(), readHistory());

export { decode, encode };

/**
 * Decodes a record that must be one of the given types.
 * @throws UnreadableRecord for any other
 */
export function decodeAs<T extends MessageType>(bytes: Uint8Array | null, types: readonly T[]): MessageOf<T> {
  if (bytes === null) throw new UnreadableRecord("a record without a value");
  const message = decode(bytes);
  if (!isOneOf(message, types)) throw new UnreadableRecord(`a ${message.type} where none belongs`);
  return message;
}

function isOneOf<T extends MessageType>(message: Message, types: readonly T[]): message is MessageOf<T> {
  return types.some((type) => type === message.type);
}

/** The fingerprint that records of this type are written with, hexadecimal. */
export function fingerprintOf(type: MessageType): string {
  const writer = writers.get(type);
  return writer === undefined ? "" : writer.header.toString("hex", 2);
}

/** The self-contained schema that records of this type are written with. */
export function schemaOf(type: MessageType): string {
  const writer = writers.get(type);
  return writer === undefined ? "" : canonical(writer.type);
}
