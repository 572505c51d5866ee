/** The API types that the console uses, generated from the server's OpenAPI description. */

export type {
  AlertDetail,
  AlertPage,
  AlertSummary,
  AuditItem,
  AuditPage,
  CameraStatus,
  FeedAlert,
  FeedCameras,
  ClipStatus,
  Digest,
  KampungStatus,
  LowerSetting,
  Me,
  PrecisionReport,
  Problem,
  ShareEstimate,
  SuggestedSetting,
  TrackPath,
  VerdictTally,
  ZonePrecision,
} from './schema';
