using System.CommandLine;
using System.Globalization;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>keys</c>: lists and rotates the signing keys and prints the path of their certificates.</summary>
internal static class KeysCommand
{
    public static Command Create(CommandLine line, TimeProvider time)
    {
        TokenServerOptions Bind(ParseResult parsed) => line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
        return new Command(
            "keys", "Manage signing keys.") { CreateList(Bind, time), CreateRotate(Bind, time), CreateCertificates(Bind, time) };
    }

    private static Command CreateList(Func<ParseResult, TokenServerOptions> bind, TimeProvider time)
    {
        var json = new Option<bool>("--json") { Description = "Output JSON." };
        var list = new Command("list", "List signing keys, newest first, with their state: next, signing, retiring or retired.") { json };
        list.SetAction(parsed =>
        {
            var demands = bind(parsed).KeyDemands;
            var ring = new KeyRing(KeyDirectory.Load(demands.Directory), demands.Lifetime);
            var now = time.GetUtcNow();
            if (parsed.GetValue(json))
            {
                CommandOutput.WriteJson((ring, now), static (writer, keys) =>
                {
                    writer.WriteStartArray();
                    foreach (var file in keys.ring.Files)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("kid"u8, file.Key.Id);
                        writer.WriteString("alg"u8, file.Key.Algorithm);
                        writer.WriteString("state"u8, WordOf(keys.ring.StateOf(file, keys.now)));
                        writer.WriteString("signsFrom"u8, Text(file.SignsFrom));
                        writer.WriteString("signsUntil"u8, Text(keys.ring.SignsUntil(file)));
                        writer.WriteString("publishedUntil"u8, Text(keys.ring.PublishedUntil(file)));
                        writer.WriteString("file"u8, file.Path);
                        writer.WriteEndObject();
                    }

                    writer.WriteEndArray();
                });
                return 0;
            }

            foreach (var file in ring.Files)
            {
                var state = ring.StateOf(file, now);
                Console.Out.WriteLine(
                    $"{file.Key.Id}  {file.Key.Algorithm}  {WordOf(state),-8}  {Times(ring, file, state, now)}  {file.Path}");
            }

            return 0;
        });
        return list;
    }

    private static Command CreateRotate(Func<ParseResult, TokenServerOptions> bind, TimeProvider time)
    {
        var algorithm = new Option<string?>("--algorithm") { Description = "ES256 or RS256 (default: the algorithm the services use)." };
        algorithm.AcceptOnlyFromAmong(TokenProfile.Es256, TokenProfile.Rs256);
        var ahead = new Option<string?>(
            "--ahead") { Description = "How long to publish the new key before it signs, such as 30m (default: tokenServer.keyAhead)." };
        var leaked = new Option<bool>("--leaked") { Description = "The keys have been compromised: replace all keys immediately." };
        var rotate = new Command(
            "rotate",
            "Create a signing key that replaces the current one once registries know it. Servers notice within a second.") { algorithm,
                ahead, leaked };
        rotate.SetAction(async (parsed, cancellationToken) =>
        {
            var options = bind(parsed);
            if (parsed.GetValue(leaked) && (parsed.GetValue(ahead) ?? parsed.GetValue(algorithm)) is not null)
            {
                throw new OperatorException("--leaked replaces all keys immediately and cannot be combined with --ahead or --algorithm");
            }

            var rotation = new KeyRotation(options.KeyDemands, time);
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(leaked)) await rotation.ReplaceAllAsync(output, cancellationToken);
            else await rotation.RotateAsync(
                parsed.GetValue(algorithm), Ahead(parsed.GetValue(ahead)) ?? options.KeyAhead, output, cancellationToken);
            return 0;
        });
        return rotate;
    }

    private static Command CreateCertificates(Func<ParseResult, TokenServerOptions> bind, TimeProvider time)
    {
        var certificates = new Command(
            "certificates",
            "Print the path of the certificate bundle for registries that trust certificates (rootcertbundle); create the bundle if it is "
            + "missing.");
        certificates.SetAction(parsed =>
        {
            var directory = bind(parsed).KeysPath;
            TokenAuthority.Ensure(directory, time);
            _ = TokenAuthority.Load(directory, time);
            parsed.InvocationConfiguration.Output.WriteLine(TokenAuthority.BundlePath(directory));
        });
        return certificates;
    }

    private static TimeSpan? Ahead(string? text)
    {
        if (text is null) return null;
        return Duration.TryParse(text, out var time) && time >= KeyRing.LeastAhead && time <= KeyRing.MostAhead
            ? time
            : throw new OperatorException(
                $"--ahead: '{LogText.Clean(text)}' is not a duration between {KeyRing.LeastAhead.TotalMinutes:0}m and 30d: registries "
                + "learn of new keys only every few minutes; use --leaked for a compromised key");
    }

    private static string Times(KeyRing ring, KeyFile file, KeyState state, DateTimeOffset now) => state switch
    {
        KeyState.Next when KeyRing.IsMisdated(file, now) =>
            $"signs only from {Text(file.SignsFrom)}: the clock was wrong when it was created; 'keys rotate' replaces it",
        KeyState.Next => $"signs from {Text(file.SignsFrom)}",
        KeyState.Signing => $"since {Text(file.SignsFrom)}",
        KeyState.Retiring => $"published until {Text(ring.PublishedUntil(file))}",
        _ => $"published until {Text(ring.PublishedUntil(file))}; the next rotation removes it",
    };

    private static string WordOf(KeyState state) => state switch
    {
        KeyState.Next => "next",
        KeyState.Signing => "signing",
        KeyState.Retiring => "retiring",
        _ => "retired",
    };

    private static string? Text(DateTimeOffset? time) => time?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}
