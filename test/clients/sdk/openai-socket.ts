/** A tool loop on the OpenAI SDK's Responses over one WebSocket, each response going on from the one before. */
import type OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { client, loop, settings } from './responses.ts';
import { prompt } from './shell.ts';

const socket = new ResponsesWS(client);
let settle: PromiseWithResolvers<OpenAI.Responses.Response> | undefined;
socket.on('response.completed', ({ response }) => settle?.resolve(response));
socket.on('response.incomplete', () => settle?.reject(new Error('an incomplete response')));
socket.on('response.failed', ({ response }) => settle?.reject(new Error(JSON.stringify(response.error))));
socket.on('error', (error) => settle?.reject(error));
socket.on('close', () => settle?.reject(new Error('the connection ended')));

await loop(
  (input, before) => {
    settle = Promise.withResolvers();
    socket.send({ type: 'response.create', ...settings, input, previous_response_id: before?.id });
    return settle.promise;
  },
  [{ role: 'user', content: prompt }],
);
socket.close();
