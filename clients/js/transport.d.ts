/** Every failure of a call, but for one that its `signal` stopped. */
export declare class DigitmillError extends Error {
    code: string;
    /** HTTP's, or undefined where no answer came. */
    status: number | undefined;
    /** What is wrong with which field of the request. */
    errors: {
        field: string;
        message: string;
    }[];
    /** Seconds after which the service wants to be asked again. */
    retryAfter: number | undefined;
    /**
     * @param {string} code the service's own, or `unreachable`, `wait_timeout` or `unexpected_answer`
     * @param {string} detail a sentence for people
     * @param {{status?: number, errors?: {field: string, message: string}[], retryAfter?: number, cause?: unknown}} [more]
     */
    constructor(code: string, detail: string, { status, errors, retryAfter, cause }?: {
        status?: number;
        errors?: {
            field: string;
            message: string;
        }[];
        retryAfter?: number;
        cause?: unknown;
    });
    /** Whether the same call may well succeed a little later. */
    get passes(): boolean;
}
export declare class Transport {
    #private;
    timeout: number;
    /** @param {string} url @param {string | undefined} key @param {number} timeout seconds */
    constructor(url: string, key: string | undefined, timeout: number);
    /** @template T @param {string} method @param {string} path @param {Reader<T>} read @param {Call} [call] @returns {Promise<T>} */
    ask<T>(method: string, path: string, read: Reader<T>, call?: Call): Promise<T>;
    /** @template T @param {string} method @param {string} path @param {Reader<T>} read @param {Call} call @returns {Promise<T>} */
    once<T>(method: string, path: string, read: Reader<T>, call: Call): Promise<T>;
}
export type Call = {
    query?: Record<string, unknown>;
    json?: unknown;
    body?: BodyInit;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    /**
     * the answer may take as long as it takes
     */
    patient?: boolean;
};
export type Reader<T> = (response: Response) => T | Promise<T>;
/**
 * @typedef {object} Call
 * @property {Record<string, unknown>} [query]
 * @property {unknown} [json]
 * @property {BodyInit} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {boolean} [patient] the answer may take as long as it takes
 */
/** @template T @typedef {(response: Response) => T | Promise<T>} Reader */
/** @type {Reader<any>} */
export declare const json: Reader<any>;
/** The caller reads the body, and its signal still stops that. @type {Reader<Response>} */
export declare const whole: Reader<Response>;
/** @type {Reader<void>} */
export declare const nothing: Reader<void>;
/** A signal of its own that ends with `given`; `AbortSignal.any` is not in Node 18. @param {AbortSignal} [given] */
export declare function stopper(given?: AbortSignal): {
    signal: AbortSignal;
    stop: () => void;
    release: () => void | undefined;
};
/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
export declare function sleep(seconds: number, signal?: AbortSignal): Promise<void>;
/**
 * The lines of a stream of events, block by block.
 * @param {ReadableStream<Uint8Array>} body
 * @param {number} patience seconds of silence after which it counts as lost
 */
export declare function blocks(body: ReadableStream<Uint8Array>, patience: number): AsyncGenerator<string[], void, unknown>;
