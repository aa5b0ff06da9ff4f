using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.Tokens;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Commands;

/// <summary>
/// <c>tokens</c>: makes, lists and ends the tokens of all accounts, in the database itself: beside a running server, which sees
/// what is ended within a fraction of a second, and without one.
/// </summary>
internal static class TokensCommand
{
    private static readonly TimeProvider Time = TimeProvider.System;

    public static Command Create(CommandLine line) => new("tokens", "Looks after refresh tokens and access tokens, whether the server runs or not.")
    {
        Make(line),
        List(line),
        Revoke(line),
    };

    /// <summary>Ends the grants of an account that is removed or got another password, where there is a database.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="account">The account.</param>
    /// <param name="kind">The kind; null for both.</param>
    /// <returns>How many they were.</returns>
    public static async Task<int> EndAllAsync(TokenServerOptions options, string account, TokenKind? kind)
    {
        if (!File.Exists(options.DatabaseFile)) return 0;
        await using var database = new StateDatabase(options.DatabaseFile);
        return await new GrantStore(database, Time).EndAllAsync(account, kind);
    }

    private static Command Make(CommandLine line)
    {
        var account = new Option<string>("--account") { Description = "Whose token it is: an account, or robot:NAME.", HelpName = "NAME", Required = true };
        var name = new Option<string>("--name") { Description = "What to call it.", HelpName = "NAME", DefaultValueFactory = _ => "made by an administrator" };
        var expires = new Option<string?>("--expires") { Description = "After how long it ends, as 30d or 12h; otherwise tokenServer.accessTokenLifetime.", HelpName = "DURATION" };
        var repositories = new Option<string[]>("--repository") { Description = "A pattern, as in policies, for the repositories that it is good for; repeatable. Otherwise all.", HelpName = "GLOB", DefaultValueFactory = _ => [] };
        var actions = new Option<string[]>("--action") { Description = "pull, push, delete or *: what it is good for; repeatable. Otherwise all.", HelpName = "ACTION", DefaultValueFactory = _ => [] };
        var addresses = new Option<string[]>("--address") { Description = "An address or network that it is good from; repeatable. Otherwise all.", HelpName = "CIDR", DefaultValueFactory = _ => [] };
        var json = Json();
        var command = new Command("create", "Makes an access token and writes it to standard output, this once.") { account, name, expires, repositories, actions, addresses, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = Bind(line, parsed);
            var limits = GrantLimits.Of(options);
            var request = new AccessTokenRequest(parsed.GetValue(name)!, parsed.GetValue(expires), parsed.GetValue(repositories), parsed.GetValue(actions), parsed.GetValue(addresses));
            if (request.Problem(limits, out var lifetime, out var narrowing) is { } problem) throw new OperatorException(problem);
            var owner = await OwnerAsync(options, parsed.GetValue(account)!, cancellationToken);

            await using var database = Open(options);
            if (await new GrantMaker(new GrantStore(database, Time), limits, Time).MakeAccessAsync(owner, request.Name, lifetime, narrowing) is not var (grant, secret))
            {
                throw new OperatorException($"{LogText.Clean(owner)} has {limits.AccessPerAccount} access tokens, the most that an account may have (tokenServer.accessTokensPerAccount): revoke one first");
            }

            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson((grant, limits, secret), static (writer, made) => GrantJson.Write(writer, made.grant, made.limits, made.secret));
                return 0;
            }

            await Console.Error.WriteLineAsync($"made the access token {grant.Id} of {LogText.Clean(owner)}, good until {GrantJson.Time(grant.Expires)}; it is shown this once:");
            Console.Out.WriteLine(secret.Text);
            return 0;
        });
        return command;
    }

    private static Command List(CommandLine line)
    {
        var account = new Option<string?>("--account") { Description = "Only the tokens of one account.", HelpName = "NAME" };
        var json = Json();
        var command = new Command("list", "Lists the tokens, the newest first; never their secrets.") { account, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var options = Bind(line, parsed);
            var limits = GrantLimits.Of(options);
            await using var database = Open(options);
            var now = Time.GetUtcNow();
            var store = new GrantStore(database, Time);
            var owner = parsed.GetValue(account) is { } typed ? await NamedAsync(options, store, typed, cancellationToken) : null;
            var grants = store.List(owner).Where(g => now < limits.EndOf(g)).ToList();
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

            foreach (var grant in grants)
            {
                var used = grant.Used is { } at ? $"used {GrantJson.Time(at)} from {grant.UsedFrom ?? "an unknown address"}" : "never used";
                Console.Out.WriteLine($"{grant.Id}  {grant.Kind.Word(),-7}  {LogText.Clean(grant.Account),-20}  until {GrantJson.Time(limits.EndOf(grant))}  {used}  {LogText.Clean(grant.Name)}");
            }

            return 0;
        });
        return command;
    }

    private static Command Revoke(CommandLine line)
    {
        var ids = new Argument<string[]>("ID") { Description = "The ids of tokens, as 'tokens list' shows them.", Arity = ArgumentArity.ZeroOrMore };
        var account = new Option<string?>("--account") { Description = "All tokens of one account instead.", HelpName = "NAME" };
        var force = NamedAccount.Force();
        var command = new Command("revoke", "Ends tokens at once. Of several ids, all or none.") { ids, account, force };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var (named, typed) = (parsed.GetValue(ids)!, parsed.GetValue(account));
            if (named.Length > 0 == typed is not null) throw new OperatorException("tokens revoke takes either ids or --account NAME");
            var options = Bind(line, parsed);
            await using var database = Open(options);
            var store = new GrantStore(database, Time);
            if (typed is not null)
            {
                var owner = parsed.GetValue(force) ? typed : await NamedAsync(options, store, typed, cancellationToken);
                Console.Out.WriteLine($"revoked {await store.EndAllAsync(owner)} tokens of {LogText.Clean(owner)}");
                return 0;
            }

            var unknown = await store.EndAsync(named);
            if (unknown.Count > 0) throw new OperatorException($"there is no token {string.Join(", ", unknown.Select(LogText.Clean))}; nothing was revoked");
            Console.Out.WriteLine($"revoked {string.Join(", ", named.Select(LogText.Clean))}");
            return 0;
        });
        return command;
    }

    private static Option<bool> Json() => new("--json") { Description = "Writes JSON." };

    private static TokenServerOptions Bind(CommandLine line, ParseResult parsed) => line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);

    private static StateDatabase Open(TokenServerOptions options)
    {
        DataDirectory.Ensure(options.StatePath);
        return new StateDatabase(options.DatabaseFile);
    }

    /// <summary>The true name of an account that has tokens, or that there is: tokens outlive their account.</summary>
    private static async Task<string> NamedAsync(TokenServerOptions options, GrantStore store, string typed, CancellationToken cancellationToken)
    {
        string[] owners = [.. store.List(null).Select(g => g.Account).Distinct(StringComparer.Ordinal)];
        return NamedAccount.Among(owners, typed) ?? await NamedAccount.ResolveAsync(options, typed, Time, cancellationToken);
    }

    /// <summary>The account's one true name, as it signs in; a token of somebody who cannot sign in would never work.</summary>
    private static async Task<string> OwnerAsync(TokenServerOptions options, string account, CancellationToken cancellationToken)
    {
        if (Robot.NameIn(account) is { } robot)
        {
            return NamedAccount.RobotProblem(options, robot, Time) is { } undeclared ? throw new OperatorException(undeclared) : account;
        }

        account = await NamedAccount.ResolveAsync(options, account, Time, cancellationToken);
        using var passwords = new PasswordThreads(1);
        using var directories = new LdapSources(options.Ldap, Time, NullLogger<LdapSource>.Instance);
        var file = new HtpasswdSource(new HtpasswdFile(options.HtpasswdPath, Time, NullLogger<HtpasswdFile>.Instance), passwords);
        var identities = new IdentityChain([file, .. directories.All], new RememberedCredentials(TimeSpan.Zero, Time), new SuspendedAccounts(), new SignInLimits(options.SignInLimits, Time)); // who is suspended may come back
        return await identities.FindAsync(account, cancellationToken) switch
        {
            SignInOutcome.SignedIn who => who.Account,
            SignInOutcome.Unavailable { Reason: var reason } => throw new OperatorException($"whether there is an account '{LogText.Clean(account)}' cannot be told: {reason}"),
            SignInOutcome.Refused { Reason: var reason } => throw new OperatorException($"the account '{LogText.Clean(account)}' may not sign in: {reason}"),
            _ => throw new OperatorException($"there is no account '{LogText.Clean(account)}'"),
        };
    }
}
