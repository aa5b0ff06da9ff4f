using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.State;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>state</c>: moves the server's state between its SQLite file and the PostgreSQL database of the configuration.</summary>
internal static class StateCommand
{
    private const string Postgres = "postgresql";
    private const string Sqlite = "sqlite";

    public static Command Create(CommandLine line) => new("state", "Move the token server's state between SQLite and PostgreSQL.")
    {
        Copy(line), Reopen(line),
    };

    private static Command Reopen(CommandLine line)
    {
        var command = new Command("reopen", "Allow a state that was moved away to be used again where the configuration has it.");
        command.SetAction(async (parsed, _) =>
        {
            var options = line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section);
            Console.Out.WriteLine(await new StateCopy(options, TimeProvider.System).ReopenAsync());
            return 0;
        });
        return command;
    }

    private static Command Copy(CommandLine line)
    {
        var target = new Option<string>("--to")
        {
            Description = $"Where to copy to: {Postgres}, the database of tokenServer.database.connectionFile, or {Sqlite}, the file in "
                + "the data directory.",
            Required = true,
        };
        target.AcceptOnlyFromAmong(Postgres, Sqlite);
        var command = new Command(
            "copy",
            "Move tokens, revocations, suspensions and sessions, all or nothing, into an empty database. Stop the token servers first.")
        {
            target,
        };
        command.SetAction(async (parsed, _) =>
        {
            var copy = new StateCopy(line.Bind<TokenServerOptions>(parsed, TokenServerOptions.Section), TimeProvider.System);
            var copied = parsed.GetValue(target) == Postgres ? await copy.ToPostgresAsync() : await copy.ToSqliteAsync();
            Console.Out.WriteLine($"copied and compared: {string.Join(", ", copied.Select(c => $"{c.Rows} {c.Table}"))}");
            Console.Out.WriteLine($"start servers there; none starts here any more, unless you run '{StateCopy.Command} reopen'");
            return 0;
        });
        return command;
    }
}
