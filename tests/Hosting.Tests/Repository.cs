namespace AuthIndex.Hosting.Tests;

/// <summary>The repository that the tests were built from.</summary>
internal static class Repository
{
    /// <summary>Its topmost folder.</summary>
    public static string Root { get; } = Find(AppContext.BaseDirectory);

    /// <summary>Fails with every problem on a line of its own: assertions on collections and texts show only the beginning.</summary>
    public static void AssertNone(IEnumerable<string> problems)
    {
        var all = string.Join('\n', problems);
        Assert.True(all.Length == 0, all);
    }

    private static string Find(string folder) =>
        File.Exists(Path.Combine(folder, "AuthIndex.sln"))
            ? folder
            : Find(Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run outside the repository."));
}
