namespace AuthIndex.TestKit;

/// <summary>The programs of this machine that tests start.</summary>
internal static class InstalledProgram
{
    /// <summary>
    /// The path of a program; null where it is not installed. Servers are often where the PATH of an ordinary user does not look.
    /// </summary>
    public static string? Find(string program) =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/sbin".Split(':').Select(p => Path.Combine(p, program))
        .FirstOrDefault(File.Exists);

    /// <summary>The first of these programs that is not installed, with its Debian package; null when all are.</summary>
    public static string? FirstMissing(params (string Program, string Package)[] needed) =>
        Array.Find(needed, n => Find(n.Program) is null) is { Program: { } program } missing
        ? $"{program} is not installed (Debian: {missing.Package})"
        : null;

    /// <summary>Runs a program to its end and demands that it succeeds.</summary>
    public static async Task<string> RunAsync(
        string program, IEnumerable<string> arguments, string input = "", IReadOnlyDictionary<string, string>? environment = null)
    {
        var result = await ChildProcess.RunAsync(Find(program) ?? program, arguments, environment, input: input);
        return result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"{program}: {result}");
    }
}
