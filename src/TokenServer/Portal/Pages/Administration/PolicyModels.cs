namespace AuthIndex.TokenServer.Portal.Pages.Administration;

/// <summary>The policy in force.</summary>
/// <param name="Revision">Its revision.</param>
/// <param name="Loaded">Since when it is in force.</param>
/// <param name="Degraded">Why the files on disk are not in force; null when they are.</param>
/// <param name="Problems">What was found in the files.</param>
/// <param name="Who">The text that rules' subjects are to hold.</param>
/// <param name="Where">The text that rules' resources are to hold.</param>
/// <param name="Rules">The rules that do.</param>
/// <param name="AllRules">How many there are in all.</param>
/// <param name="Tests">The tests in the files.</param>
/// <param name="Files">The files.</param>
public sealed record PolicyModel(
    string Revision, DateTimeOffset Loaded, string? Degraded, IReadOnlyList<string> Problems, string Who, string Where,
    IReadOnlyList<PolicyRuleRow> Rules, int AllRules, IReadOnlyList<PolicyTestRow> Tests, IReadOnlyList<PolicyFileModel> Files);

/// <summary>A rule.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Allows">Whether it allows; otherwise it denies.</param>
/// <param name="Actions">The actions.</param>
/// <param name="To">Whom it is about.</param>
/// <param name="On">The resources.</param>
/// <param name="When">What else must hold; "" for nothing.</param>
/// <param name="Place">Where it is defined.</param>
public sealed record PolicyRuleRow(string Id, bool Allows, string Actions, string To, string On, string When, string Place);

/// <summary>A test in a policy file.</summary>
/// <param name="Text">What it says.</param>
/// <param name="Place">Where it is.</param>
/// <param name="Failure">How it fails; null when it passes.</param>
public sealed record PolicyTestRow(string Text, string Place, string? Failure);

/// <summary>A policy file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Content">Its text.</param>
public sealed record PolicyFileModel(string Name, string Content);

/// <summary>What was typed to have a request explained.</summary>
/// <param name="Account">The account; "" for an anonymous caller.</param>
/// <param name="Groups">Its groups.</param>
/// <param name="Address">The address.</param>
/// <param name="SignedInBy">How it signed in.</param>
/// <param name="Scope">The scope.</param>
/// <param name="Ways">The ways to sign in.</param>
public sealed record ExplainForm(
    string Account, string Groups, string Address, string SignedInBy, string Scope, IReadOnlyList<string> Ways);

/// <summary>The explanation of a request.</summary>
/// <param name="Form">What was typed.</param>
/// <param name="Problem">What is wrong with it; null for nothing.</param>
/// <param name="Lines">The explanation.</param>
public sealed record ExplainModel(ExplainForm Form, string? Problem, IReadOnlyList<string> Lines);

/// <summary>Who may do something.</summary>
/// <param name="Action">The action.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Problem">What is wrong with them; null for nothing.</param>
/// <param name="Rows">Who may; null where nothing was asked.</param>
public sealed record WhoCanModel(string Action, string Resource, string? Problem, IReadOnlyList<WhoCanRow>? Rows);

/// <summary>Somebody whom a rule allows something.</summary>
/// <param name="Who">Who.</param>
/// <param name="Rule">The rule.</param>
/// <param name="When">Its conditions; "" for none.</param>
/// <param name="DeniedBy">The rule that denies it all the same; null for none.</param>
public sealed record WhoCanRow(string Who, string Rule, string When, string? DeniedBy);

/// <summary>A policy file that is tried.</summary>
/// <param name="Files">The names of the files in force.</param>
/// <param name="File">The one that it takes the place of; "" when it is the whole policy.</param>
/// <param name="Content">Its text.</param>
/// <param name="Problems">Why it makes no policy; null when it does, or was not tried.</param>
/// <param name="Result">What it would change; null where it was not tried.</param>
public sealed record CandidateModel(
    IReadOnlyList<string> Files, string File, string Content, IReadOnlyList<string>? Problems, CandidateResult? Result);

/// <summary>What a policy would change.</summary>
/// <param name="Rules">How many rules it has.</param>
/// <param name="Tests">How many tests pass.</param>
/// <param name="Warnings">What is questionable in it.</param>
/// <param name="Grants">The changes of grants.</param>
/// <param name="AllGrants">How many there are.</param>
/// <param name="Sampled">Of how many rules only some cases were tried.</param>
/// <param name="Decisions">How many recorded decisions were asked again.</param>
/// <param name="Changed">How many come out otherwise.</param>
/// <param name="IsWhole">Whether all recorded decisions were.</param>
/// <param name="Damage">What could not be read of them; null when everything could.</param>
/// <param name="Replayed">The changes among them.</param>
/// <param name="AllReplayed">How many there are.</param>
public sealed record CandidateResult(
    int Rules, int Tests, IReadOnlyList<string> Warnings, IReadOnlyList<GrantChangeRow> Grants, int AllGrants, int Sampled,
    long Decisions, long Changed, bool IsWhole, string? Damage, IReadOnlyList<DecisionChangeRow> Replayed, int AllReplayed);

/// <summary>A change of a grant.</summary>
/// <param name="Who">Whose.</param>
/// <param name="On">On what.</param>
/// <param name="When">Under which conditions; "" for none.</param>
/// <param name="Gained">The actions gained; "" for none.</param>
/// <param name="Lost">The actions lost; "" for none.</param>
public sealed record GrantChangeRow(string Who, string On, string When, string Gained, string Lost);

/// <summary>A change of recorded decisions.</summary>
/// <param name="Account">The account.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Gained">The actions gained; "" for none.</param>
/// <param name="Lost">The actions lost; "" for none.</param>
/// <param name="Count">How often it was asked.</param>
/// <param name="Samples">Ids of some of the decisions.</param>
public sealed record DecisionChangeRow(string Account, string Resource, string Gained, string Lost, long Count, string Samples);
