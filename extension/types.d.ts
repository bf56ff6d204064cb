// Only for the type checker: globals that scripts leave, and what its own library does not know.
interface AudioContext {
  readonly sinkId: string;
  setSinkId(id: string): Promise<void>;
}
type UrlParts = "protocol" | "hostname" | "port" | "pathname" | "search" | "hash";
type UrlFound = { groups: Record<string, string | undefined> };
declare class URLPattern implements Record<UrlParts, string> {
  constructor(pattern: string | Partial<Record<UrlParts, string>>);
  readonly protocol: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  exec(url: string | undefined): Record<UrlParts, UrlFound> | null;
}
declare var copilotOverlay: { wake: () => boolean } | undefined;
