using System.Text;
using System.Text.Json;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Commands;

/// <summary>How commands write for scripts.</summary>
internal static class CommandOutput
{
    /// <summary>Writes one JSON value on a line of standard output.</summary>
    public static void WriteJson<T>(T value, Action<Utf8JsonWriter, T> write) =>
        Console.Out.WriteLine(Encoding.UTF8.GetString(JsonBytes.Write(value, write)));
}
