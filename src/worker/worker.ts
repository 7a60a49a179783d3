import { expose } from 'comlink';
import { Engine } from './engine.ts';
import { packEngine } from './wire.ts';

expose(packEngine(new Engine()));
