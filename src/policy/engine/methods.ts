// Names of the QIX engine's API (https://qlik.dev/apis/json-rpc/qix), as its schema 12.2027 has them.

/** Methods of the engine session (handle -1) that concern no other app than that of the socket. The app of `OpenDoc` is checked besides. */
export const globalMethods: ReadonlySet<string> = new Set([
  'OpenDoc', 'GetActiveDoc', 'GetProgress', 'CancelRequest', 'AbortRequest', 'AbortAll',
  'GetAuthenticatedUser', 'GetConfiguration', 'GetUniqueID', 'AllowCreateApp', 'IsDesktopMode', 'IsPersonalMode',
  'EngineVersion', 'ProductVersion', 'QvVersion', 'OSName', 'OSVersion', 'QTProduct'
])

/**
 * Methods of an app and its objects that read, or change only what belongs to the session: selections, session objects,
 * values of variables.
 */
export const viewMethods: ReadonlySet<string> = new Set([
  // Describing the app and finding things in it.
  'GetAppLayout', 'GetAppProperties', 'GetLocaleInfo', 'GetAllInfos', 'GetObjects', 'GetObject', 'GetActiveSheetId', 'GetLayoutProperties',
  'GetTablesAndKeys', 'GetMediaList', 'GetContentLibraries', 'GetLibraryContent', 'GetMatchingFields', 'FindMatchingFields',
  'GetField', 'GetFieldDescription', 'GetFieldOnTheFlyByName', 'GetDimension', 'GetMeasure', 'GetMeasureWithLabel',
  'GetVariable', 'GetVariables', 'GetVariableById', 'GetVariableByName', 'GetBookmark', 'GetBookmarks', 'GetSetAnalysis',
  'Evaluate', 'EvaluateEx', 'ExpandExpression', 'CheckExpression', 'CheckNumberOrExpression', 'GetFieldsFromExpression',
  // Objects: what they are, and their data.
  'GetLayout', 'GetProperties', 'GetEffectiveProperties', 'GetFullPropertyTree', 'GetInfo', 'GetLinkedObjects', 'GetSnapshotObject',
  'GetParent', 'GetChild', 'GetChildInfos', 'GetHyperCubeData', 'GetHyperCubeReducedData', 'GetHyperCubePivotData', 'GetHyperCubeStackData',
  'GetHyperCubeContinuousData', 'GetHyperCubeTreeData', 'GetHyperCubeBinnedData', 'GetListObjectData', 'ExportData',
  // Objects and states of the session, which nobody else sees, and which end with it.
  'CreateSessionObject', 'DestroySessionObject', 'CreateSessionVariable', 'DestroySessionVariable', 'DestroySessionVariableById',
  'DestroySessionVariableByName', 'AddSessionAlternateState', 'RemoveSessionAlternateState', 'ClearSoftPatches', 'ClearAllSoftPatches',
  'ClearUndoBuffer', 'CreateTemporaryBookmark', 'StoreTempSelectionState', 'RestoreTempSelectionState',
  // Allowed for soft patches only; see rules.ts.
  'ApplyPatches',
  // Selections of objects.
  'BeginSelections', 'EndSelections', 'ResetMadeSelections', 'ClearSelections', 'AbortModal', 'Lock', 'Unlock',
  'SelectHyperCubeValues', 'SelectHyperCubeCells', 'SelectPivotCells', 'SelectHyperCubeContinuousRange', 'RangeSelectHyperCubeValues',
  'MultiRangeSelectHyperCubeValues', 'MultiRangeSelectTreeDataValues', 'SelectListObjectValues', 'SelectListObjectPossible',
  'SelectListObjectExcluded', 'SelectListObjectAlternative', 'SelectListObjectAll', 'SelectListObjectContinuousRange',
  'SearchListObjectFor', 'AbortListObjectSearch', 'AcceptListObjectSearch',
  'ExpandLeft', 'ExpandTop', 'CollapseLeft', 'CollapseTop', 'DrillUp', 'StepCycle', 'GetActiveField', 'SetActiveField',
  // Selections of fields and of the app.
  'GetCardinal', 'GetAndMode', 'GetNxProperties', 'Select', 'SelectValues', 'LowLevelSelect', 'ToggleSelect', 'SelectAll',
  'SelectPossible', 'SelectExcluded', 'SelectAlternative', 'Clear', 'ClearAllButThis', 'ClearAll', 'LockAll', 'UnlockAll',
  'Back', 'Forward', 'BackCount', 'ForwardCount', 'GetGroupStates', 'ApplyGroupStates',
  'Apply', 'ApplyAndVerify', 'ApplyBookmark', 'ApplyAndVerifyBookmark', 'ApplyTemporaryBookmark', 'GetFieldValues',
  // Values of variables last as long as the session.
  'GetContent', 'GetRawContent', 'SetStringValue', 'SetNumValue', 'SetDualValue',
  // Searching.
  'SearchSuggest', 'SearchAssociations', 'SelectAssociations', 'SearchResults', 'SearchObjects', 'SearchValues', 'GetAssociationScores'
])
