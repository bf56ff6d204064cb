// Only for the type checker: globals that scripts leave, and what its own library does not know.
interface AudioContext {
  readonly sinkId: string;
  setSinkId(id: string): Promise<void>;
}
