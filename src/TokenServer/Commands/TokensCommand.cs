using System.CommandLine;
using System.Net;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// <c>tokens</c>: creates, lists and revokes tokens of all accounts, directly in the database, whether the server is running or not; a
/// running server notices a revocation within a fraction of a second.
/// </summary>
internal static class TokensCommand
{
    private static readonly TimeProvider Time = TimeProvider.System;

    public static Command Create(CommandLine line) =>
        new("tokens", "Manage refresh and access tokens, whether the server is running or not.")
    {
        Make(line),
        List(line),
        Revoke(line),
    };

    /// <summary>
    /// Revokes an account's tokens because it was removed or its password changed, if there is a database. Returns once new sign-ins get
    /// valid tokens again.
    /// </summary>
    /// <param name="options">The configuration.</param>
    /// <param name="account">The account.</param>
    /// <param name="kind">The kind; null for both.</param>
    /// <param name="cancellationToken">Ends the wait, not what was done.</param>
    /// <returns>How many grants ended.</returns>
    public static async Task<int> EndAllAsync(
        TokenServerOptions options, string account, TokenKind? kind, CancellationToken cancellationToken)
    {
        if (!StateFactory.Exists(options)) return 0;
        await using var state = await StateFactory.OpenAsync(options, Time);
        return await EndAllAsync(state, account, kind, cancellationToken);
    }

    private static async Task<int> EndAllAsync(IState state, string account, TokenKind? kind, CancellationToken cancellationToken)
    {
        var ended = await state.Grants.EndAllAsync(account, kind);
        await Task.Delay(AccountEnding.OverAt(Time.GetUtcNow(), state.NoticedWithin) - Time.GetUtcNow(), cancellationToken);
        return ended;
    }

    private static Command Make(CommandLine line)
    {
        var account = new Option<string>(
            "--account") { Description = "The owner: an account, or robot:NAME.", HelpName = "NAME", Required = true };
        var name = new Option<string>(
            "--name") { Description = "The token's name.", HelpName = "NAME", DefaultValueFactory = _ => "created by an administrator" };
        var expires = new Option<string?>(
            "--expires") { Description = "The lifetime, such as 30d or 12h (default: tokenServer.accessTokenLifetime).",
                HelpName = "DURATION" };
        var repositories = new Option<string[]>(
            "--repository") { Description =
                "Limit the token to repositories that match this pattern, as in policies; repeatable (default: all).", HelpName = "GLOB",
                DefaultValueFactory = _ => [] };
        var actions = new Option<string[]>(
            "--action") { Description = "Limit the token to this action: pull, push, delete or *; repeatable (default: all).",
                HelpName = "ACTION", DefaultValueFactory = _ => [] };
        var addresses = new Option<string[]>(
            "--address") { Description = "Limit the token to requests from this address or network; repeatable (default: all).",
                HelpName = "CIDR", DefaultValueFactory = _ => [] };
        var json = Json();
        var command = new Command(
            "create",
            "Create an access token and print it once, to standard output.") { account, name, expires, repositories, actions, addresses,
                json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = Bind(line, parsed);
            var limits = GrantLimits.Of(options);
            var request = new AccessTokenRequest(
                parsed.GetRequiredValue(name), parsed.GetValue(expires), parsed.GetValue(repositories), parsed.GetValue(actions),
                parsed.GetValue(addresses));
            if (!request.TryCheck(limits, out var lifetime, out var narrowing, out var problem)) throw new OperatorException(problem);
            await using var state = await StateFactory.OpenAsync(options, Time);
            var (owner, origin) = await OwnerAsync(options, state.People, parsed.GetRequiredValue(account), cancellationToken);
            var maker = new GrantFactory(state.Grants, limits, Time);
            var (grant, secret, refusal) = await maker.MakeAccessAsync(owner, origin, request.Name, lifetime, narrowing);
            if (refusal is not null)
            {
                throw new OperatorException(
                    $"{LogText.Clean(owner)} has {limits.AccessPerAccount} access tokens, the most that an account may have "
                    + $"(tokenServer.accessTokensPerAccount): revoke one first");
            }

            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson(
                    (grant, limits, secret), static (writer, made) => GrantJson.Write(writer, made.grant, made.limits, made.secret));
                return 0;
            }

            await Console.Error.WriteLineAsync(
                $"created the access token {grant.Id} of {LogText.Clean(owner)}, valid until "
                + $"{GrantJson.Time(grant.Expires)}; it is shown only once:");
            Console.Out.WriteLine(secret.Text);
            return 0;
        });
        return command;
    }

    private static Command List(CommandLine line)
    {
        var account = new Option<string?>("--account") { Description = "List only the tokens of this account.", HelpName = "NAME" };
        var json = Json();
        var command = new Command("list", "List tokens, newest first, without their secrets.") { account, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = Bind(line, parsed);
            var limits = GrantLimits.Of(options);
            await using var state = await StateFactory.OpenAsync(options, Time);
            var now = Time.GetUtcNow();
            var store = state.Grants;
            var owner = parsed.GetValue(account) is { } typed ? await NamedAsync(options, state, typed, cancellationToken) : null;
            var grants = (await store.ListAsync(owner)).Where(g => now < limits.EndOf(g)).ToList();
            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson((grants, limits), static (writer, list) =>
                {
                    writer.WriteStartArray();
                    foreach (var grant in list.grants) GrantJson.Write(writer, grant, list.limits);
                    writer.WriteEndArray();
                });
                return 0;
            }

            foreach (var grant in grants) Console.Out.WriteLine(Line(grant, limits));

            return 0;
        });
        return command;
    }

    private static Command Revoke(CommandLine line)
    {
        var ids = new Argument<string[]>(
            "ID") { Description = "The ids of tokens, as shown by 'tokens list'.", Arity = ArgumentArity.ZeroOrMore };
        var account = new Option<string?>("--account")
        {
            Description =
                "Revoke all tokens of one account, registry tokens included; with --client or --from only its matching refresh tokens.",
            HelpName = "NAME",
        };
        var client = new Option<string?>("--client")
        {
            Description = "Revoke refresh tokens issued to this client, such as docker.",
            HelpName = "CLIENT",
        };
        var from = new Option<string?>("--from")
        {
            Description = "Revoke refresh tokens issued to this address or last used from it.",
            HelpName = "ADDRESS",
        };
        var force = NamedAccount.Force();
        var command = new Command(
            "revoke", "Revoke tokens immediately. Of several ids, revokes all or none.") { ids, account, client, from, force };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (named, typed) = (parsed.GetValue(ids) ?? [], parsed.GetValue(account));
            var (program, address) = (parsed.GetValue(client), AddressOf(parsed.GetValue(from)));
            if (named.Length > 0 == (typed ?? program ?? address) is not null)
            {
                throw new OperatorException("tokens revoke takes either ids or --account NAME, --client CLIENT and --from ADDRESS");
            }

            var options = Bind(line, parsed);
            await using var state = await StateFactory.OpenAsync(options, Time);
            var store = state.Grants;
            var owner = typed is null || parsed.GetValue(force) ? typed : await NamedAsync(options, state, typed, cancellationToken);
            if (owner is not null && (program ?? address) is null)
            {
                var ended = await EndAllAsync(state, owner, null, cancellationToken);
                Console.Out.WriteLine($"revoked {ended} tokens of {LogText.Clean(owner)}");
                return 0;
            }

            if ((program ?? address) is not null)
            {
                Console.Out.WriteLine($"revoked {await store.EndRefreshAsync(owner, program, address)} refresh tokens");
                return 0;
            }

            var unknown = await store.EndAsync(named);
            if (unknown.Count > 0)
            {
                throw new OperatorException($"there is no token {string.Join(", ", unknown.Select(LogText.Clean))}; nothing was revoked");
            }

            Console.Out.WriteLine($"revoked {string.Join(", ", named.Select(LogText.Clean))}");
            return 0;
        });
        return command;
    }

    /// <summary>An address in the form that the database stores.</summary>
    private static string? AddressOf(string? text)
    {
        if (text is null) return null;
        if (IPAddress.TryParse(text, out var address)) return address.ToString();
        throw new OperatorException($"--from: '{LogText.Clean(text)}' is not an address");
    }

    /// <summary>A grant as one line for people: what it is, whose, until when, its use, where it came from, its limits, its name.</summary>
    private static string Line(Grant grant, GrantLimits limits)
    {
        var given = grant.Kind == TokenKind.Refresh
            ? $"  issued to {LogText.Clean(grant.Client ?? "an unnamed client")} at {grant.GivenFrom ?? "an unknown address"}"
            : "";
        var used = grant.Used is { } at ? $"used {GrantJson.Time(at)} from {grant.UsedFrom ?? "an unknown address"}" : "never used";
        var narrowing = grant.Narrowing;
        List<string> limited = [];
        if (narrowing.Repositories.Count > 0) limited.Add($"on {string.Join(' ', narrowing.Repositories)}");
        if (!narrowing.Actions.IsEmpty) limited.Add($"for {narrowing.Actions}");
        if (narrowing.Addresses.Count > 0) limited.Add($"from {string.Join(' ', narrowing.Addresses)}");
        var only = limited.Count > 0 ? $"  only {LogText.Clean(string.Join(' ', limited))}" : "";
        var (account, name, end) = (LogText.Clean(grant.Account), LogText.Clean(grant.Name), GrantJson.Time(limits.EndOf(grant)));
        return $"{grant.Id}  {grant.Kind.Word(),-7}  {account,-20}  until {end}  {used}{given}{only}  {name}";
    }

    private static Option<bool> Json() => new("--json") { Description = "Output JSON." };

    private static TokenServerOptions Bind(CommandLine line, ParseResult parsed) =>
        line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);

    /// <summary>The true name of an account that has tokens or exists: tokens outlive their account.</summary>
    private static async Task<string> NamedAsync(
        TokenServerOptions options, IState state, string typed, CancellationToken cancellationToken)
    {
        string[] owners = [.. (await state.Grants.ListAsync(null)).Select(g => g.Account).Distinct(StringComparer.Ordinal)];
        return await NamedAccount.AmongAsync(owners, options, state.People, typed)
            ?? await NamedAccount.ResolveAsync(options, state.People, typed, Time, cancellationToken);
    }

    /// <summary>The account's one true name, as it signs in; a token of an account that cannot sign in would never work.</summary>
    private static async Task<(string Account, AccountOrigin? Origin)> OwnerAsync(
        TokenServerOptions options, IPersonStore people, string account, CancellationToken cancellationToken)
    {
        if (Robot.NameIn(account) is { } robot)
        {
            return NamedAccount.RobotProblem(options, robot, Time) is { } undeclared
                ? throw new OperatorException(undeclared)
                : (account, null);
        }

        account = await NamedAccount.ResolveAsync(options, people, account, Time, cancellationToken);
        using var sources = new AccountSources(options, Time);
        var providers = new OidcProviders(options.Portal.Providers, options.Oidc, options.PublicUrl);
        var identities = new IdentityChain([.. sources.All, new PeopleSource(providers, people, Time)]); // a suspended one may be resumed
        return await identities.FindAsync(account, cancellationToken) switch
        {
            SignInOutcome.SignedIn who => (who.Account, who.Origin),
            SignInOutcome.Unavailable { Reason: var reason } =>
                throw new OperatorException($"cannot check whether there is an account '{LogText.Clean(account)}': {reason}"),
            SignInOutcome.Refused { Reason: var reason } =>
                throw new OperatorException($"the account '{LogText.Clean(account)}' may not sign in: {reason}"),
            _ => throw new OperatorException($"there is no account '{LogText.Clean(account)}'"),
        };
    }
}
