using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>A temporary directory of policy files.</summary>
internal sealed class PolicyFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("policies-").FullName;

    public void Write(string name, string text) => File.WriteAllText(this[name], text);

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public Compilation Compile() => PolicyCompiler.Compile(new PolicyDirectory(Path), PolicyText.Now);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
