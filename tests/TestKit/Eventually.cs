using System.Diagnostics;

namespace AuthIndex.TestKit;

/// <summary>Waits for what happens in another process: by asking again, never by hoping that a while is long enough.</summary>
public static class Eventually
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was not true within the time.</exception>
    public static async Task TrueAsync(Func<Task<bool>> condition, TimeSpan within, Func<string> otherwise)
    {
        var time = Stopwatch.StartNew();
        while (!await condition())
        {
            if (time.Elapsed > within) throw new TimeoutException($"not within {within}: {otherwise()}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Asks until the answer is true.</summary>
    /// <exception cref="TimeoutException">It was not true within the time.</exception>
    public static Task TrueAsync(Func<bool> condition, TimeSpan within, Func<string> otherwise) =>
        TrueAsync(() => Task.FromResult(condition()), within, otherwise);
}
